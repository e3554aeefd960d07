import pg from "pg";

import { HubError } from "../../errors.ts";
import { firstOwed } from "../postgres/first-owed.ts";
import { applyMigrations, lastApplied } from "../postgres/migrations.ts";
import { parseColumns } from "../postgres/parse-columns.ts";
import { keepOut, letIn } from "../postgres/presence.ts";
import { toText } from "../postgres/text-columns.ts";
import { assertCurrent } from "./assert-current.ts";
import { insertOf, toColumns } from "./postgres-insert.ts";
import type { Side, Source, Target } from "./side.ts";
import { columnsOf, type Kind, quote, type Row, rowsAtOnce, type Table, tables, type Value } from "./tables.ts";

const schema = "public";
const connectMs = 10_000;

/** What becomes of claims, as when their leases are over. SQL of a row `t`, by table and column. */
const voided: Readonly<Record<string, string>> = {
  "behind.due_at": "CASE WHEN owner IS NULL THEN due_at ELSE 0 END",
  "behind.next": `CASE WHEN owner IS NULL THEN next ELSE ${firstOwed("next", "t")} END`,
  "fan_outs.delivered": withChunks("delivered"),
  "fan_outs.behind": withChunks("behind"),
  "fan_outs.gone": withChunks("gone"),
};

/**
 * The database of hubs that do not run, as it is now; nothing of it changes. Rejects with `store_unavailable` when it cannot be
 * used, when a hub uses it, and when its schema is not the newest.
 */
export async function openPostgresSource(url: string, migrationsFolder: string): Promise<Source> {
  const { client, close } = await connectAlone(url, async (alone) => {
    await alone.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    assertCurrent(await lastApplied(alone, schema), migrationsFolder);
  });
  const select = (table: Table) =>
    selectOf(table, (column, kind) => voidedAt(table, column, kind) ?? readAs(column, kind));
  return { ...createSide(client, select), [Symbol.asyncDispose]: close };
}

/** A database that is migrated, all writes being one transaction. Rejects with `store_unavailable`. */
export async function openPostgresTarget(url: string, migrationsFolder: string): Promise<Target> {
  const { client, close } = await connectAlone(url, async (alone, another) => {
    await applyMigrations(another, schema, { migrationsFolder });
    await alone.query("BEGIN");
  });
  return {
    ...createSide(client, (table) => selectOf(table, readAs)),
    countRows: ({ name }) => readNumber(client, `SELECT count(*) FROM ${quote([name])}`),
    fit: (table, row) => {
      const kinds = columnsOf(table).map(([, kind]) => kind);
      return row.map((value, i) => (kinds[i] === "text" && typeof value === "string" ? toText(value) : value));
    },
    async write(table, rows) {
      await client.query({ text: insertOf(table), values: [...toColumns(table, rows)] });
    },
    async setLastId({ name }, id) {
      await client.query(setSequence(name), [id]);
    },
    async finish() {
      await client.query(setSequence("fan_outs"), [await readNumber(client, "SELECT max(id) FROM fan_outs")]);
      // Until it is told, the planner takes all tables for empty.
      await client.query(`ANALYZE ${quote(tables.map(({ name }) => name))}`);
    },
    async commit() {
      await client.query("COMMIT");
    },
    [Symbol.asyncDispose]: close,
  };
}

type Alone = { readonly client: pg.PoolClient; readonly close: () => Promise<void> };

/** A connection that keeps all hubs off the database while it lives. `prepare` is given it, and how to make another. */
async function connectAlone(
  url: string,
  prepare: (client: pg.PoolClient, another: () => Promise<pg.PoolClient>) => Promise<void>,
): Promise<Alone> {
  const pool = new pg.Pool(toConfig(url));
  pool.on("error", () => undefined);
  let client: pg.PoolClient | undefined;
  const close = async () => {
    if (client !== undefined) await leave(client);
    await pool.end();
  };
  try {
    client = await pool.connect();
    client.on("error", () => undefined);
    if (!(await keepOut(client)))
      throw new HubError("store_unavailable", "a hub uses it, or another move of its data: stop every one first");
    await prepare(client, () => pool.connect());
    return { client, close };
  } catch (cause) {
    await close();
    if (cause instanceof HubError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HubError("store_unavailable", `it cannot be used: ${reason}`, { cause });
  }
}

/** What is not committed is undone. A hub may be started at once. */
async function leave(client: pg.PoolClient): Promise<void> {
  try {
    await client.query("ROLLBACK");
    await letIn(client);
  } catch {
    // The connection is broken: the server does both when it finds out.
  }
  client.release(true);
}

function createSide(client: pg.PoolClient, select: (table: Table) => string): Pick<Side, "read" | "lastId"> {
  return {
    read: (table) => readRows(client, select(table), rowsAtOnce(table)),
    lastId: ({ name }) =>
      readNumber(client, `SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM ${quote([`${name}_id_seq`])}`),
  };
}

async function* readRows(client: pg.PoolClient, select: string, most: number): AsyncGenerator<readonly Row[]> {
  await client.query(`DECLARE rows_to_move NO SCROLL CURSOR FOR ${select}`);
  for (;;) {
    const { rows } = await client.query<Value[]>({ text: `FETCH ${most} FROM rows_to_move`, rowMode: "array" });
    if (rows.length > 0) yield rows;
    if (rows.length < most) break;
  }
  await client.query("CLOSE rows_to_move");
}

function selectOf(table: Table, read: (column: string, kind: Kind) => string): string {
  const columns = columnsOf(table).map(([column, kind]) => read(column, kind));
  // Text in the order of its bytes, as SQLite has it: the database may have another one.
  const key = table.key.map((column) => `${quote([column])}${table.columns[column] === "text" ? ' COLLATE "C"' : ""}`);
  return `SELECT ${columns.join(", ")} FROM ${quote([table.name])} t ORDER BY ${key.join(", ")}`;
}

function voidedAt({ name }: Table, column: string, kind: Kind): string | undefined {
  if (kind === "owner" || kind === "lease") return "NULL";
  return kind === "figure" ? "0" : voided[`${name}.${column}`];
}

/** What chunks have of a fan-out's figures is added when they close; at the source there is no more to wait for. */
function withChunks(figure: string): string {
  return `${figure} + (SELECT coalesce(sum(c.${figure}), 0)::bigint FROM chunks c WHERE c.topic_id = t.topic_id AND c.seq = t.seq)`;
}

function readAs(column: string, kind: Kind): string {
  const name = quote([column]);
  switch (kind) {
    case "flag":
      return `${name}::int`;
    case "ids":
      return `array_to_json(${name})::text`;
    // A chunk always has both; free ones have these.
    case "owner":
      return `nullif(${name}, '')`;
    case "lease":
      return `nullif(${name}, '-infinity')::text`;
    default:
      return name;
  }
}

function setSequence(name: string): string {
  return `SELECT setval('"${name}_id_seq"', greatest($1::bigint, 1), $1::bigint > 0)`;
}

async function readNumber(client: pg.PoolClient, question: string): Promise<number> {
  const { rows } = await client.query<(number | null)[]>({ text: question, rowMode: "array" });
  return rows[0]?.[0] ?? 0;
}

/** Nothing here is in a hurry, and nobody waits for its locks. */
function toConfig(url: string): pg.PoolConfig {
  const none = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"].map(
    (name) => `-c ${name}=0`,
  );
  return {
    connectionString: url,
    // One to move the data, one to migrate before that.
    max: 2,
    keepAlive: true,
    connectionTimeoutMillis: connectMs,
    options: [`-c search_path="${schema}"`, ...none].join(" "),
    types: parseColumns,
  };
}
