import pg from "pg";

import { HubError } from "../../errors.ts";
import { assertCurrent } from "../move/assert-current.ts";
import { lastApplied } from "../postgres/migrations.ts";
import { parseColumns } from "../postgres/parse-columns.ts";
import type { Dialect, Reading } from "./reading.ts";

const rowsAtOnce = 1000;
const connectMs = 10_000;

const dialect: Dialect = {
  idsOfChunk: "CROSS JOIN unnest(c.todo) todo(id)",
  isSamePair: (one, other) => `${one}.pair = ${other}.pair`,
  lastId: (table) => `SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM ${table}_id_seq`,
  secret: (column) => column,
};

/** Rejects with `store_unavailable` when the database cannot be read, or is none of a hub with the newest schema. */
export async function openPostgresReading(url: string, migrationsFolder: string, schema = "public"): Promise<Reading> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectMs,
    keepAlive: true,
    options: `-c search_path="${schema}" -c statement_timeout=0 -c idle_in_transaction_session_timeout=0`,
    types: parseColumns,
  });
  // Whoever asks it next is told.
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    assertCurrent(await lastApplied(client, schema), migrationsFolder);
  } catch (cause) {
    await client.end();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HubError("store_unavailable", `the database cannot be read: ${reason}`, { cause });
  }
  return {
    dialect,
    rows: <Row>(question: string) => readRows<Row>(client, question),
    // PostgreSQL checks its pages as it reads them.
    async *findDamage() {},
    [Symbol.asyncDispose]: () => client.end(),
  };
}

async function* readRows<Row>(client: pg.Client, question: string): AsyncGenerator<Row> {
  await client.query(`DECLARE reading NO SCROLL CURSOR FOR ${question}`);
  for (;;) {
    const { rows } = await client.query(`FETCH ${rowsAtOnce} FROM reading`);
    yield* rows as Row[];
    if (rows.length < rowsAtOnce) break;
  }
  await client.query("CLOSE reading");
}
