import { existsSync } from "node:fs";
import { setImmediate } from "node:timers/promises";

import SqliteDatabase from "better-sqlite3";

import { HubError } from "../../errors.ts";
import { assertCurrent } from "../move/assert-current.ts";
import { explainFault, isDamage } from "../sqlite/fault.ts";
import { assertOurs } from "../sqlite/inspect-file.ts";
import { lastApplied } from "../sqlite/migration-state.ts";
import type { Dialect, Reading } from "./reading.ts";

const rowsAtOnce = 1000;
/** A damaged file may have any number of faults. */
const mostComplaints = 100;

const dialect: Dialect = {
  idsOfChunk:
    "JOIN (SELECT chunks.id AS chunk_id, value AS id FROM chunks, json_each(todo)) todo ON todo.chunk_id = c.id",
  isSamePair: (one, other) => `${one}.callback = ${other}.callback AND ${one}.topic = ${other}.topic`,
  lastId: (table) => `SELECT max(seq) FROM sqlite_sequence WHERE name = '${table}'`,
  secret: (column) => `CAST(${column} AS BLOB)`,
};

/** Throws `store_unavailable` when there is no such file, or none of a hub with the newest schema. */
export function openSqliteReading(file: string, migrationsFolder: string): Reading {
  if (!existsSync(file)) throw new HubError("store_unavailable", `there is no database ${file}`);
  const connection = openReadOnly(file, migrationsFolder);
  return {
    dialect,
    rows: <Row>(question: string) => readRows(connection.prepare<[], Row>(question).iterate()),
    findDamage: () => findDamage(connection),
    async [Symbol.asyncDispose]() {
      connection.close();
    },
  };
}

function openReadOnly(file: string, migrationsFolder: string): SqliteDatabase.Database {
  const connection = new SqliteDatabase(file, { readonly: true });
  try {
    const applied = lastApplied(connection);
    assertOurs(connection, { applied });
    assertCurrent(applied, migrationsFolder);
    connection.exec("BEGIN; SELECT 1 FROM topics LIMIT 1");
    return connection;
  } catch (cause) {
    connection.close();
    const reason = cause instanceof HubError ? cause.message : explainFault(cause);
    throw new HubError("store_unavailable", `the database file ${file} cannot be read: ${reason}`, { cause });
  }
}

/** Lets signals in between. */
async function* readRows<Row>(rows: Iterable<Row>): AsyncGenerator<Row> {
  let count = 0;
  for (const row of rows) {
    yield row;
    count += 1;
    if (count % rowsAtOnce === 0) await setImmediate();
  }
}

async function* findDamage(connection: SqliteDatabase.Database): AsyncGenerator<string> {
  try {
    const complaints = connection.pragma(`integrity_check(${mostComplaints})`) as readonly {
      readonly integrity_check: string;
    }[];
    for (const { integrity_check: complaint } of complaints) if (complaint !== "ok") yield complaint;
  } catch (cause) {
    if (!isDamage(cause)) throw cause;
    yield cause instanceof Error ? cause.message : String(cause);
  }
}
