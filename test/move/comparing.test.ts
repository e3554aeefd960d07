import { join } from "node:path";

import SqliteDatabase from "better-sqlite3";
import { is } from "drizzle-orm";
import { getTableConfig as postgresTable, PgTable } from "drizzle-orm/pg-core";
import { getTableConfig as sqliteTable, SQLiteTable } from "drizzle-orm/sqlite-core";
import { expect, test } from "vitest";

import * as postgresSchema from "../../src/store/postgres/schema.ts";
import * as postgresRecords from "../../src/store/postgres/schema-records.ts";
import * as sqliteRecords from "../../src/store/sqlite/schema-records.ts";
import * as sqliteSchema from "../../src/store/sqlite/schema.ts";
import { columnsOf, tables } from "../../src/store/move/tables.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { makeEmptyFile, makeEmptySchema, makeOddHub, openFolder, readFile } from "./odd-hub.ts";
import { type Ended, migrateStore } from "./program.ts";

/** It proves that a database takes writes. */
const notMoved = ["pulse"];
/** What only PostgreSQL has, and SQLite's rowid. */
const notInSqlite = ["lease", "figure", "pair", "place"];

test("every table and column of both schemas is moved", () => {
  const inPostgres = [...Object.values(postgresSchema), ...Object.values(postgresRecords)].flatMap((one: unknown) =>
    is(one, PgTable) ? [postgresTable(one)] : [],
  );
  const inSqlite = [...Object.values(sqliteSchema), ...Object.values(sqliteRecords)].flatMap((one: unknown) =>
    is(one, SQLiteTable) ? [sqliteTable(one)] : [],
  );
  const columns = (all: readonly { readonly name: string; readonly columns: readonly { readonly name: string }[] }[]) =>
    all
      .filter(({ name }) => !notMoved.includes(name))
      .flatMap((one) => one.columns.map((column) => `${one.name}.${column.name}`));
  const moved = tables.flatMap((table) =>
    columnsOf(table).map(([name, kind]) => ({ name: `${table.name}.${name}`, kind })),
  );
  const names = (some: typeof moved) => some.map(({ name }) => name).toSorted();

  expect(inPostgres.length).toBe(tables.length + notMoved.length);
  expect(columns(inPostgres).toSorted()).toEqual(names(moved));
  expect(columns(inSqlite).toSorted()).toEqual(names(moved.filter(({ kind }) => !notInSqlite.includes(kind))));
});

test("whichever column of whichever table arrives changed in PostgreSQL, it is told, and nothing is moved", async () => {
  await using folder = await openFolder();
  await using database = await openTestDatabase();
  const { connection } = database;
  const from = join(folder.path, "from.db");
  await makeOddHub(from);
  await makeEmptySchema(database.url);
  const places = await connection.query<Place>(
    `SELECT table_name AS "table", column_name AS "column", data_type AS type FROM information_schema.columns
      WHERE table_schema = 'public' AND table_name NOT IN ('migrations', 'pulse')`,
  );
  for (const together of atATime(places.rows)) {
    for (const { table, column, type } of together) {
      const value = `NEW."${column}" := ${changedInPostgres(`NEW."${column}"`, type)}`;
      await connection.query(`
        CREATE FUNCTION spoil_${table}() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN ${value}; RETURN NEW; END$$;
        CREATE TRIGGER spoil BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION spoil_${table}()`);
    }
    const ended = await migrateStore(`file:${from}`, database.url);
    expect(toldOf(together, ended, /violates (foreign key|unique) constraint/)).toEqual(differing(together));
    for (const { table } of together) await connection.query(`DROP FUNCTION spoil_${table} CASCADE`);
  }
  const left = await connection.query("SELECT 1 FROM topics UNION ALL SELECT 1 FROM attempts");
  expect(left.rows).toEqual([]);
  expect(places.rows.length).toBeGreaterThan(90);
});

test("whichever column of whichever table arrives changed in SQLite, it is told, and nothing is moved", async () => {
  await using folder = await openFolder();
  const [from, to] = [join(folder.path, "from.db"), join(folder.path, "to.db")];
  await makeOddHub(from);
  await makeEmptyFile(to);
  const file = new SqliteDatabase(to);
  const places = file.prepare<[], Place>(
    `SELECT m.name AS "table", c.name AS "column", lower(c.type) AS type
       FROM sqlite_master m, pragma_table_info(m.name) c
      WHERE m.type = 'table' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\' AND m.name NOT IN ('sqlite_sequence', 'pulse')`,
  );
  const all = places.all();
  for (const together of atATime(all)) {
    for (const { table, column, type } of together) {
      const value = changedInSqlite(`"${column}"`, type);
      file.exec(`CREATE TRIGGER spoil_${table} AFTER INSERT ON ${table} BEGIN
        UPDATE ${table} SET "${column}" = ${value} WHERE rowid = NEW.rowid; END`);
    }
    const ended = await migrateStore(`file:${from}`, `file:${to}`);
    expect(toldOf(together, ended, /constraint failed/)).toEqual(differing(together));
    for (const { table } of together) file.exec(`DROP TRIGGER spoil_${table}`);
  }
  file.close();
  expect(Object.values(readFile(to)).flat()).toEqual([]);
  expect(all.length).toBeGreaterThan(75);
});

test("a row that does not arrive, one that arrives twice, and a count of ids that is not taken over are told", async () => {
  await using folder = await openFolder();
  const from = join(folder.path, "from.db");
  await makeOddHub(from);
  const spoilers = [
    ["attempts", "AFTER INSERT ON attempts WHEN NEW.id = 8 BEGIN DELETE FROM attempts WHERE id = 8; END", 2],
    ["hosts", "AFTER INSERT ON hosts WHEN NEW.trips > 0 BEGIN INSERT INTO hosts VALUES (NEW.trips, -1, 0); END", 6],
    [
      "subscriptions",
      "AFTER INSERT ON hosts BEGIN UPDATE sqlite_sequence SET seq = 9 WHERE name = 'subscriptions'; END",
      3,
    ],
  ] as const;
  for (const [i, [table, trigger, arrived]] of spoilers.entries()) {
    const to = join(folder.path, `to-${i}.db`);
    await makeEmptyFile(to);
    new SqliteDatabase(to).exec(`CREATE TRIGGER spoil ${trigger}`).close();
    const { code, output, complaint } = await migrateStore(`file:${from}`, `file:${to}`);
    expect(complaint).toBe(`carillon: nothing was moved: the copy differs in ${table}`);
    expect(output).toMatch(new RegExp(`^${table} +3  DIFFERS \\(${arrived} rows arrived\\)$`, "m"));
    expect(output.match(/ ok [0-9a-f]{16}$/gm)).toHaveLength(tables.length - 1);
    expect(code).toBe(1);
  }
});

type Place = { readonly table: string; readonly column: string; readonly type: string };

/** One of each table. Keys by themselves, for the database may refuse what becomes of them. */
function* atATime(places: readonly Place[]): Generator<readonly Place[]> {
  for (const key of places.filter(({ column }) => isKey(column))) yield [key];
  const others = Map.groupBy(
    places.filter(({ column }) => !isKey(column)),
    ({ table }) => table,
  );
  for (let i = 0; ; i += 1) {
    const together = [...others.values()].flatMap((ofTable) => ofTable.slice(i, i + 1));
    if (together.length === 0) return;
    yield together;
  }
}

/** What is to be told of tables in which these columns arrive changed, in the order of the move. */
function differing(together: readonly Place[]) {
  const names = tables.map(({ name }) => name).filter((name) => together.some(({ table }) => table === name));
  return { together, code: 1, told: `carillon: nothing was moved: the copy differs in ${names.join(", ")}` };
}

/** What was told. That the database `refused` a key is as good. */
function toldOf(together: readonly Place[], { code, complaint }: Ended, refused: RegExp) {
  const [{ column }] = together as [Place];
  return isKey(column) && refused.test(complaint)
    ? { ...differing(together), code }
    : { together, code, told: complaint };
}

function isKey(column: string): boolean {
  return /^(id|topic_id|subscription_id|seq)$/.test(column);
}

function changedInPostgres(value: string, type: string): string {
  switch (type) {
    case "text":
      return `coalesce(${value}, '') || 'x'`;
    case "bytea":
      return `${value} || '\\x00'::bytea`;
    case "boolean":
      return `NOT ${value}`;
    case "ARRAY":
      return `array_append(${value}, 1)`;
    case "timestamp with time zone":
      return "now()";
    default:
      return `${value} - 1`;
  }
}

function changedInSqlite(value: string, type: string): string {
  if (type === "blob") return `CAST(${value} || x'00' AS BLOB)`;
  return type === "text" ? `coalesce(${value}, '') || 'x'` : `${value} - 1`;
}
