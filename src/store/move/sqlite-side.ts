import { existsSync } from "node:fs";
import { setImmediate } from "node:timers/promises";

import SqliteDatabase from "better-sqlite3";

import { HubError } from "../../errors.ts";
import { pairOf } from "../postgres/intent-rows.ts";
import { openFile } from "../sqlite/database.ts";
import { firstOwed } from "../sqlite/first-owed.ts";
import { lockFile } from "../sqlite/lock-file.ts";
import { lastApplied } from "../sqlite/migration-state.ts";
import { assertCurrent } from "./assert-current.ts";
import type { Side, Source, Target } from "./side.ts";
import { columnsOf, type Kind, quote, type Row, rowsAtOnce, type Table } from "./tables.ts";

/** What becomes of claims, as at the start of a hub. SQL, by table and column. */
const voided: Readonly<Record<string, string>> = {
  "behind.due_at": "CASE WHEN owner IS NULL THEN due_at ELSE 0 END",
  "behind.next": `CASE WHEN owner IS NULL THEN next ELSE ${firstOwed("next")} END`,
};

/**
 * The file of a hub that does not run, as it is now; nothing of it changes. Throws `store_unavailable` when there is none, when
 * a process uses it, and when its schema is not the newest.
 */
export function openSqliteSource(file: string, migrationsFolder: string): Source {
  if (!existsSync(file)) throw new HubError("store_unavailable", "there is no such file");
  let unlock = () => {};
  let connection: SqliteDatabase.Database | undefined;
  const close = () => {
    connection?.close();
    unlock();
  };
  try {
    unlock = lockFile(file);
    connection = new SqliteDatabase(file, { readonly: true });
    assertCurrent(lastApplied(connection), migrationsFolder);
    // Whatever else may write to the file, it is read as it is now.
    connection.exec("BEGIN; SELECT 1 FROM topics LIMIT 1");
  } catch (error) {
    close();
    throw toHubError(error);
  }
  const select = (table: Table) =>
    selectOf(table, (column, kind) => voidedAt(table, column, kind) ?? readAs(column, kind));
  return { ...createSide(connection, select), [Symbol.asyncDispose]: async () => close() };
}

/** A file that is created or migrated, all writes being one transaction. Throws `store_unavailable`. */
export function openSqliteTarget(file: string, migrationsFolder: string): Target {
  const { connection, close } = openEmpty(file, migrationsFolder);
  try {
    assertCurrent(lastApplied(connection), migrationsFolder);
    connection.exec("BEGIN IMMEDIATE");
  } catch (error) {
    close();
    throw toHubError(error);
  }
  return {
    ...createSide(connection, (table) => selectOf(table, readAs)),
    countRows: async ({ name }) => readNumber(connection, `SELECT count(*) FROM ${quote([name])}`),
    fit: (_, row) => row,
    ...createWrites(connection),
    finish: async () => {},
    async commit() {
      connection.exec("COMMIT");
    },
    [Symbol.asyncDispose]: async () => close(),
  };
}

function openEmpty(file: string, migrationsFolder: string): ReturnType<typeof openFile> {
  try {
    return openFile(file, migrationsFolder);
  } catch (error) {
    throw toHubError(error instanceof HubError ? error.cause : error);
  }
}

function createSide(
  connection: SqliteDatabase.Database,
  select: (table: Table) => string,
): Pick<Side, "read" | "lastId"> {
  connection.function("pair_of", (topic, callback) => pairOf({ topic: String(topic), callback: String(callback) }));
  return {
    read: (table) => readRows(connection.prepare<[], Row>(select(table)).raw().iterate(), rowsAtOnce(table)),
    lastId: async ({ name }) => readNumber(connection, `SELECT max(seq) FROM sqlite_sequence WHERE name = '${name}'`),
  };
}

function createWrites(connection: SqliteDatabase.Database): Pick<Target, "write" | "setLastId"> {
  return {
    async write(table, rows) {
      const insert = connection.prepare(insertOf(table));
      const isStored = columnsOf(table).map(([, kind]) => stores(kind));
      for (const row of rows) insert.run(...row.filter((_, i) => isStored[i]));
    },
    async setLastId({ name }, id) {
      connection.prepare("DELETE FROM sqlite_sequence WHERE name = ?").run(name);
      connection.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)").run(name, id);
    },
  };
}

/** Lets signals in between. */
async function* readRows(rows: Iterable<Row>, most: number): AsyncGenerator<readonly Row[]> {
  let batch: Row[] = [];
  for (const row of rows) {
    if (batch.push(row) < most) continue;
    yield batch;
    batch = [];
    await setImmediate();
  }
  if (batch.length > 0) yield batch;
}

function selectOf(table: Table, read: (column: string, kind: Kind) => string): string {
  const columns = columnsOf(table).map(([column, kind]) => read(column, kind));
  return `SELECT ${columns.join(", ")} FROM ${quote([table.name])} ORDER BY ${quote(table.key)}`;
}

function voidedAt({ name }: Table, column: string, kind: Kind): string | undefined {
  return kind === "owner" ? "NULL" : voided[`${name}.${column}`];
}

function readAs(column: string, kind: Kind): string {
  switch (kind) {
    case "secret":
      return `CAST(${quote([column])} AS BLOB)`;
    case "place":
      return "rowid";
    case "pair":
      return "pair_of(topic, callback)";
    case "figure":
      return "0";
    case "lease":
      return "NULL";
    default:
      return quote([column]);
  }
}

function stores(kind: Kind): boolean {
  return kind !== "lease" && kind !== "figure" && kind !== "pair";
}

function insertOf(table: Table): string {
  const columns = columnsOf(table).filter(([, kind]) => stores(kind));
  const names = columns.map(([column, kind]) => (kind === "place" ? "rowid" : column));
  const values = columns.map(([, kind]) => (kind === "secret" ? "CAST(? AS TEXT)" : "?"));
  return `INSERT INTO ${quote([table.name])} (${quote(names)}) VALUES (${values.join(", ")})`;
}

function readNumber(connection: SqliteDatabase.Database, question: string): number {
  return connection.prepare<[], number>(question).pluck().get() ?? 0;
}

function toHubError(cause: unknown): HubError {
  if (cause instanceof HubError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new HubError("store_unavailable", `it cannot be used: ${reason}`, { cause });
}
