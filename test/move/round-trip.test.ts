import { join } from "node:path";

import SqliteDatabase from "better-sqlite3";
import { expect, test } from "vitest";

import { openTestDatabase } from "../support/test-database.ts";
import { lastId, makeEmptySchema, makeOddHub, openFolder, readDatabase, readFile, tableNames } from "./odd-hub.ts";
import { migrateStore } from "./program.ts";

test("everything is moved to PostgreSQL and back, byte for byte, with the counts of ids; a table tells of it", async () => {
  await using folder = await openFolder();
  await using database = await openTestDatabase();
  const [first, second] = [join(folder.path, "first.db"), join(folder.path, "new folder", "second.db")];
  await makeOddHub(first);
  const before = readFile(first);

  const there = await migrateStore(`file:${first}`, database.url);
  expect(there).toMatchObject({ code: 0, complaint: "" });
  for (const table of tableNames) expect(there.output).toMatch(new RegExp(`^${table} +3  ok [0-9a-f]{16}$`, "m"));
  expect(there.output).not.toContain(new URL(database.url).password + "@");

  const back = await migrateStore(database.url, `file:${second}`);
  expect(back).toMatchObject({ code: 0, complaint: "" });
  expect(readFile(second)).toEqual(before);
  expect(readFile(first)).toEqual(before);
  expect(await readDatabase(database.connection)).toEqual(before);
  expect(Object.values(before).map((rows) => rows.length)).toEqual([...tableNames.map(() => 3), 6]);
});

test("the next rows at the target get ids never given before, and fan-outs are cut in the order they were", async () => {
  await using folder = await openFolder();
  await using database = await openTestDatabase();
  const [first, second] = [join(folder.path, "first.db"), join(folder.path, "second.db")];
  await makeOddHub(first);
  const addTopic = "INSERT INTO topics (url, host, policy) VALUES ('https://new.example/', 'new.example', 'every')";
  const addFanOut = "INSERT INTO fan_outs (topic_id, seq, start, cursor) VALUES (7, 99, 0, 0)";

  expect(await migrateStore(`file:${first}`, database.url)).toMatchObject({ code: 0 });
  expect(await migrateStore(database.url, `file:${second}`)).toMatchObject({ code: 0 });

  const { rows } = await database.connection.query(`${addTopic} RETURNING id::int`);
  expect(rows).toEqual([{ id: lastId + 1 }]);
  await database.connection.query(addFanOut);
  const order = await database.connection.query("SELECT seq::int FROM fan_outs ORDER BY id");
  expect(order.rows.map(({ seq }: { seq: number }) => seq)).toEqual([11_003, 8003, 7003, 99]);
  const file = new SqliteDatabase(second);
  expect(file.prepare(addTopic).run().lastInsertRowid).toBe(lastId + 1);
  file.prepare(addFanOut).run();
  expect(file.prepare("SELECT seq FROM fan_outs ORDER BY rowid").pluck().all()).toEqual([11_003, 8003, 7003, 99]);
  file.close();
});

test("a file moves to a file, and a database to a database", async () => {
  await using folder = await openFolder();
  await using one = await openTestDatabase();
  await using other = await openTestDatabase();
  const path = (name: string) => join(folder.path, name);
  await makeOddHub(path("first.db"));
  const steps = [
    `file:${path("first.db")}`,
    `file:${path("second.db")}`,
    one.url,
    other.url,
    `file:${path("last.db")}`,
  ];
  for (const [i, from] of steps.slice(0, -1).entries())
    expect(await migrateStore(from, steps[i + 1] ?? "")).toMatchObject({ code: 0, complaint: "" });
  expect(readFile(path("last.db"))).toEqual(readFile(path("first.db")));
});

test("what a process that died had claimed is free at the target, and due at once", async () => {
  await using folder = await openFolder();
  await using database = await openTestDatabase();
  const [first, second] = [join(folder.path, "first.db"), join(folder.path, "second.db")];
  await makeOddHub(first);
  const before = readFile(first);
  const file = new SqliteDatabase(first);
  for (const table of ["intents", "chunks", "behind"]) file.exec(`UPDATE ${table} SET owner = 'dead' WHERE rowid > 7`);
  file.exec("UPDATE topics SET fetch_owner = 'dead'; UPDATE topics SET policy = 'latest' WHERE id = 8");
  file.close();

  expect(await migrateStore(`file:${first}`, database.url)).toMatchObject({ code: 0, complaint: "" });
  const freed = {
    ...before,
    topics: rowsOf(before, "topics").map((row) => (row["id"] === 8 ? { ...row, policy: "latest" } : row)),
    behind: rowsOf(before, "behind").map((row) => {
      if (row["subscription_id"] === 7) return row;
      return { ...row, due_at: 0, next: row["subscription_id"] === 8 ? row["newest"] : row["next"] };
    }),
  } as typeof before;
  expect(await readDatabase(database.connection)).toEqual(freed);

  // The same from PostgreSQL, where a chunk has figures of its own until it closes.
  await database.connection.query(`
    UPDATE topics SET fetch_owner = 'dead', lease_until = now() + interval '1 hour';
    UPDATE intents SET owner = 'dead', lease_until = now() + interval '1 hour';
    UPDATE chunks SET owner = 'dead', lease_until = now() + interval '1 hour', delivered = 3, behind = 4, gone = 5;
    UPDATE behind SET owner = 'dead', lease_until = now() - interval '1 hour', due_at = 5 WHERE subscription_id > 7`);
  expect(await migrateStore(database.url, `file:${second}`)).toMatchObject({ code: 0, complaint: "" });
  const fanOuts = rowsOf(freed, "fan_outs").map((row) => {
    const [delivered, behind, gone] = [
      Number(row["delivered"]) + 3,
      Number(row["behind"]) + 4,
      Number(row["gone"]) + 5,
    ];
    return { ...row, delivered, behind, gone };
  });
  expect(readFile(second)).toEqual({ ...freed, fan_outs: fanOuts });
});

test("tables compare alike where the database has another order of text than that of bytes", async () => {
  await using folder = await openFolder();
  await using database = await openTestDatabase();
  const [first, second] = [join(folder.path, "first.db"), join(folder.path, "second.db")];
  await makeOddHub(first);
  const file = new SqliteDatabase(first);
  file.exec("INSERT INTO secret_keys VALUES ('a'), ('B'), ('c')");
  file.close();
  await makeEmptySchema(database.url);
  await database.connection.query('ALTER TABLE secret_keys ALTER COLUMN id TYPE text COLLATE "en-x-icu"');
  expect(await migrateStore(`file:${first}`, database.url)).toMatchObject({ code: 0, complaint: "" });
  expect(await migrateStore(database.url, `file:${second}`)).toMatchObject({ code: 0, complaint: "" });
  expect(readFile(second)).toEqual(readFile(first));
});

test("a NUL where PostgreSQL takes none becomes U+FFFD there, as the hub writes it", async () => {
  await using folder = await openFolder();
  await using database = await openTestDatabase();
  const first = join(folder.path, "first.db");
  await makeOddHub(first);
  const file = new SqliteDatabase(first);
  file.prepare("UPDATE attempts SET reason = ?").run("a\0b");
  file.close();
  expect(await migrateStore(`file:${first}`, database.url)).toMatchObject({ code: 0, complaint: "" });
  const { rows } = await database.connection.query("SELECT DISTINCT reason FROM attempts");
  expect(rows).toEqual([{ reason: "a\uFFFDb" }]);
});

function rowsOf(contents: ReturnType<typeof readFile>, table: string) {
  return contents[table] ?? [];
}
