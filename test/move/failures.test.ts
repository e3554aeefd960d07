import { join } from "node:path";

import SqliteDatabase from "better-sqlite3";
import type pg from "pg";
import { expect, test } from "vitest";

import { type Program, startProgram } from "../cli/program.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { until } from "../support/until.ts";
import {
  makeEmptyFile,
  makeEmptySchema,
  makeOddHub,
  openFolder,
  readDatabase,
  readFile,
  tableNames,
} from "./odd-hub.ts";
import { migrateStore } from "./program.ts";

/** The last table that is written. */
const last = "attempts";

test("a move that fails in the middle leaves the target without a row, and succeeds once the cause is gone", async () => {
  await using folder = await openFolder();
  await using database = await openTestDatabase();
  const [from, to] = [join(folder.path, "from.db"), join(folder.path, "to.db")];
  await makeOddHub(from);
  await makeEmptyFile(to);
  await makeEmptySchema(database.url);
  await onInsert(database.connection, "RAISE 'the disk is full'");
  onInsertIntoFile(to, "SELECT RAISE(ABORT, 'the disk is full')");

  const failed = { code: 1, complaint: "carillon: nothing was moved: the disk is full" };
  expect(await migrateStore(`file:${from}`, database.url)).toMatchObject(failed);
  expect(await migrateStore(`file:${from}`, `file:${to}`)).toMatchObject(failed);
  expect(await countRows(database.connection)).toBe(0);
  expect(Object.values(readFile(to)).flat()).toEqual([]);

  await database.connection.query("DROP FUNCTION spoil CASCADE");
  new SqliteDatabase(to).exec("DROP TRIGGER spoil").close();
  expect(await migrateStore(`file:${from}`, database.url)).toMatchObject({ code: 0 });
  expect(await migrateStore(`file:${from}`, `file:${to}`)).toMatchObject({ code: 0 });
  expect(await readDatabase(database.connection)).toEqual(readFile(from));
  expect(readFile(to)).toEqual(readFile(from));
});

test.each([
  { how: "SIGTERM", end: (program: Program) => program.signal("SIGTERM"), code: 1 },
  { how: "kill -9", end: (program: Program) => void program[Symbol.asyncDispose](), code: null },
])(
  "no hub starts while a move is under way; ended by $how in the middle, it can be run again",
  async ({ end, code }) => {
    await using folder = await openFolder();
    await using database = await openTestDatabase();
    const from = join(folder.path, "from.db");
    await makeOddHub(from);
    await makeEmptySchema(database.url);
    // It waits for us with the last table.
    const { connection } = database;
    await onInsert(connection, "PERFORM pg_advisory_xact_lock(1)");
    await connection.query("SELECT pg_advisory_lock(1)");
    await using program = startProgram(["migrate-store", `--from=file:${from}`, `--to=${database.url}`]);
    await until(async () => (await waitingFor(connection)) === 1);

    expect(await startHub(`file:${from}`)).toMatchObject({
      code: 1,
      complaint: expect.stringMatching(/another process uses it/) as string,
    });
    expect(await startHub(database.url)).toMatchObject({
      code: 1,
      complaint: expect.stringMatching(/its data is being moved/) as string,
    });
    end(program);
    await connection.query("SELECT pg_advisory_unlock(1)");
    expect((await program.ended).code).toBe(code);
    await connection.query("DROP FUNCTION spoil CASCADE");
    expect(await countRows(connection)).toBe(0);
    expect(await migrateStore(`file:${from}`, database.url)).toMatchObject({ code: 0 });
    expect(await readDatabase(connection)).toEqual(readFile(from));
  },
);

async function startHub(url: string) {
  await using hub = startProgram(["serve", "--port=0"], { CARILLON_DATABASE_URL: url });
  return await hub.ended;
}

/** How many wait for the lock that we hold. */
async function waitingFor(connection: pg.Client): Promise<number> {
  const { rows } = await connection.query<{ readonly count: number }>(
    `SELECT count(*)::int AS count FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE d.datname = current_database() AND locktype = 'advisory' AND NOT granted`,
  );
  return rows[0]?.count ?? 0;
}

async function onInsert(connection: pg.Client, statement: string): Promise<void> {
  await connection.query(`
    CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN ${statement}; RETURN NEW; END$$;
    CREATE TRIGGER spoil BEFORE INSERT ON ${last} FOR EACH ROW EXECUTE FUNCTION spoil()`);
}

function onInsertIntoFile(file: string, statement: string): void {
  new SqliteDatabase(file).exec(`CREATE TRIGGER spoil AFTER INSERT ON ${last} BEGIN ${statement}; END`).close();
}

async function countRows(connection: pg.Client): Promise<number> {
  const counts = tableNames.map((name) => `(SELECT count(*) FROM ${name})`).join(" + ");
  const { rows } = await connection.query<{ readonly count: number }>(`SELECT (${counts})::int AS count`);
  return rows[0]?.count ?? -1;
}
