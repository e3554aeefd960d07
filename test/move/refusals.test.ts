import { existsSync } from "node:fs";
import { join } from "node:path";

import SqliteDatabase from "better-sqlite3";
import { expect, test } from "vitest";

import { startProgram } from "../cli/program.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { makeEmptyFile, makeEmptySchema, makeOddHub, openFolder, readFile } from "./odd-hub.ts";
import { migrateStore, runCommand } from "./program.ts";

test("flags that are wrong are all told, with the rule and without a password, and end it with 2", async () => {
  const rule = "must be file: and a path (file:data/carillon.db), or a server and a database (postgres://";
  const none = await runCommand();
  expect(none.code).toBe(2);
  expect(none.complaint).toContain(`--from is missing: ${rule}`);
  expect(none.complaint).toContain(`--to is missing: ${rule}`);

  const wrong = await runCommand(
    "--from",
    "pg://u:hidden@h/d",
    "--form=x",
    "--to",
    "postgres://u:hidden@h",
    "postgres://u:hidden@h/d",
  );
  expect(wrong.code).toBe(2);
  expect(wrong.complaint).toContain(`--from is "pg://u:***@h/d": ${rule}`);
  expect(wrong.complaint).toContain(`--to is "postgres://u:***@h": ${rule}`);
  expect(wrong.complaint).toContain("--form is not a flag of migrate-store: did you mean --from?");
  expect(wrong.complaint).toContain(`"postgres://u:***@h/d" is not expected here: only --from URL and --to URL`);
  expect(wrong.complaint + wrong.output).not.toContain("hidden");

  const twice = await runCommand("--from=file:a", "--from=file:b", "--to=file:c");
  expect(twice).toMatchObject({
    code: 2,
    complaint: expect.stringContaining("--from is given more than once") as string,
  });
});

test("a source that is not there, or no hub's, is refused, and no target is made", async () => {
  await using folder = await openFolder();
  await using database = await openTestDatabase();
  const [missing, other, to] = ["missing.db", "other.db", "to.db"].map((name) => join(folder.path, name));
  new SqliteDatabase(other).exec("CREATE TABLE topics (id)").close();
  const start = "carillon: nothing was moved: the database of --from: ";
  expect(await migrateStore(`file:${missing}`, `file:${to}`)).toMatchObject({
    code: 1,
    complaint: `${start}there is no such file`,
  });
  const noHub = { code: 1, complaint: `${start}it holds no data of a hub` };
  expect(await migrateStore(`file:${other}`, `file:${to}`)).toMatchObject(noHub);
  expect(await migrateStore(database.url, `file:${to}`)).toMatchObject(noHub);
  const nowhere = await migrateStore("postgres://u:hidden@127.0.0.1:1/d", `file:${to}`);
  expect(nowhere).toMatchObject({
    code: 1,
    complaint: expect.stringContaining(`${start}it cannot be used: connect ECONNREFUSED`) as string,
  });
  expect(nowhere.complaint + nowhere.output).not.toContain("hidden");
  expect(existsSync(to ?? "")).toBe(false);
  expect(existsSync(missing ?? "")).toBe(false);
});

test("a source with an older schema is told to be started once, one with a newer to be of a newer version", async () => {
  await using folder = await openFolder();
  await using database = await openTestDatabase();
  const from = join(folder.path, "from.db");
  const to = `file:${join(folder.path, "to.db")}`;
  await makeEmptyFile(from);
  await makeEmptySchema(database.url);
  for (const [change, said] of [
    ["- 1", /--from: its schema is older than this program: start the hub on it once/],
    ["+ 2", /--from: it was migrated by a newer version of Carillon/],
  ] as const) {
    const file = new SqliteDatabase(from);
    file.exec(`UPDATE __drizzle_migrations SET created_at = created_at ${change}`);
    file.close();
    await database.connection.query(`UPDATE migrations SET made_at = made_at ${change}`);
    expect((await migrateStore(`file:${from}`, to)).complaint).toMatch(said);
    expect((await migrateStore(database.url, to)).complaint).toMatch(said);
  }
});

test("a target that holds anything is refused, and stays as it was; so is the source itself", async () => {
  await using folder = await openFolder();
  await using database = await openTestDatabase();
  const [from, to] = [join(folder.path, "from.db"), join(folder.path, "to.db")];
  await makeOddHub(from);
  await makeOddHub(to);
  const before = readFile(to);
  await makeEmptySchema(database.url);
  await database.connection.query(
    "INSERT INTO hosts VALUES ('https://shut.example', 1, 1), ('https://dead.example', 1, 1)",
  );

  const full = { code: 1, complaint: "carillon: nothing was moved: the target must be empty, but topics has 3 rows" };
  expect(await migrateStore(`file:${from}`, `file:${to}`)).toMatchObject(full);
  const hosts = { code: 1, complaint: "carillon: nothing was moved: the target must be empty, but hosts has 2 rows" };
  expect(await migrateStore(`file:${from}`, database.url)).toMatchObject(hosts);
  expect(readFile(to)).toEqual(before);

  const itself = await migrateStore(`file:${from}`, `file:${from}`);
  expect(itself).toMatchObject({
    code: 1,
    complaint: expect.stringContaining("--to: another process uses it") as string,
  });
  const same = await migrateStore(database.url, database.url);
  expect(same).toMatchObject({
    code: 1,
    complaint: expect.stringContaining("--to: a hub uses it, or another move") as string,
  });
});

test("it is refused while a hub runs on the source or on the target; it goes once they are dead", async () => {
  await using folder = await openFolder();
  await using database = await openTestDatabase();
  const file = `file:${join(folder.path, "hub.db")}`;
  await using onFile = startProgram(["serve", "--port=0"], { CARILLON_DATABASE_URL: file });
  await using onDatabase = startProgram(["serve", "--port=0"], { CARILLON_DATABASE_URL: database.url });
  await Promise.all([onFile.line(/^hub /), onDatabase.line(/^hub /)]);
  const elsewhere = `file:${join(folder.path, "elsewhere.db")}`;
  await makeEmptyFile(elsewhere.slice("file:".length));
  const fileUsed = "another process uses it, a hub or a move of its data";
  const databaseUsed = "a hub uses it, or another move of its data: stop every one first";
  const refusals = [
    [file, elsewhere, `--from: ${fileUsed}`],
    [elsewhere, file, `--to: ${fileUsed}`],
    [database.url, elsewhere, `--from: ${databaseUsed}`],
    [elsewhere, database.url, `--to: ${databaseUsed}`],
  ] as const;
  for (const [from, to, said] of refusals)
    expect(await migrateStore(from, to)).toMatchObject({ code: 1, complaint: expect.stringContaining(said) as string });

  // Killed, they are gone; what the file's had written lies beside the file still.
  await onFile[Symbol.asyncDispose]();
  await onDatabase[Symbol.asyncDispose]();
  expect(existsSync(join(folder.path, "hub.db-wal"))).toBe(true);
  expect(await migrateStore(file, database.url)).toMatchObject({ code: 0 });
});
