import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import SqliteDatabase from "better-sqlite3";
import type pg from "pg";

import { pairOf } from "../../src/store/postgres/intent-rows.ts";
import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { migrationsFolder } from "../conformance/postgres-test-store.ts";

export const sqliteMigrations = "src/store/sqlite/migrations";

/** In the order in which they can be filled. */
export const tableNames = [
  "topics",
  "intents",
  "subscriptions",
  "publications",
  "body_parts",
  "fan_outs",
  "chunks",
  "behind",
  "quotas",
  "hosts",
  "attempts",
  "blocks",
  "gaps",
  "secret_keys",
];

/** Ids were given up to this one, whatever there still is. */
export const lastId = 1000;

type SqliteRow = Readonly<Record<string, string | number | Buffer | null>>;

export async function openFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "carillon-move-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** A file of the newest schema without rows. */
export async function makeEmptyFile(file: string): Promise<void> {
  await openSqliteStore(file, sqliteMigrations)[Symbol.asyncDispose]();
}

/** The same in PostgreSQL. */
export async function makeEmptySchema(url: string): Promise<void> {
  await (await openPostgresStore(url, { migrationsFolder }))[Symbol.asyncDispose]();
}

/** A file with three rows in every table, and something odd in every column the database knows of. Nothing is claimed. */
export async function makeOddHub(file: string): Promise<void> {
  await makeEmptyFile(file);
  const database = new SqliteDatabase(file);
  for (const table of tableNames) {
    const columns = database.pragma(`table_info(${table})`) as readonly {
      readonly name: string;
      readonly type: string;
    }[];
    for (const id of [7, 8, 11]) {
      const values = columns.map(({ name, type }) => oddValue({ table, column: name, type: type.toLowerCase(), id }));
      const [names, all] = [columns.map(({ name }) => `"${name}"`), [...values]];
      if (table === "fan_outs") {
        names.push("rowid");
        all.push(40 - id);
      }
      database.prepare(`INSERT INTO ${table} (${names.join()}) VALUES (${all.map(() => "?").join()})`).run(...all);
    }
  }
  database.prepare("UPDATE sqlite_sequence SET seq = ?").run(lastId);
  database.close();
}

type Place = { readonly table: string; readonly column: string; readonly type: string; readonly id: number };

function oddValue({ table, column, type, id }: Place): string | number | Buffer | null {
  if (table === "secret_keys") return `key ${id}`;
  if (column === "kind") return "client";
  if (/^(id|topic_id|subscription_id)$/.test(column)) return id;
  if (column.endsWith("owner")) return null;
  if (/^(wrapped|cut_done|done|swept)$/.test(column)) return id % 2;
  if (column === "todo") return `[${id},${id + 1},9007199254740991]`;
  if (column === "lease_seconds") return id + 0.25;
  if (column === "shut_until") return Number.MAX_SAFE_INTEGER;
  if (type === "blob") return Buffer.from([0, 1, 39, 92, 255, id, 0]);
  if (type === "integer") return id * 1000 + column.length;
  const text = `${table}.${column} ${id} 'ünï' "\\{},\n" NULL \u{1F600}\u{FFFE}`;
  // Only these take a NUL in both stores.
  return /^(secret|verify_token)$/.test(column) ? `${text}\0\0x` : text;
}

type Contents = Readonly<Record<string, readonly SqliteRow[]>>;

/** What a file holds, with the order of fan-outs and the counts of ids. */
export function readFile(file: string): Contents {
  const database = new SqliteDatabase(file, { readonly: true });
  const read = (table: string) => {
    const place = table === "fan_outs" ? "rowid AS id, " : "";
    return inOrder(database.prepare<[], SqliteRow>(`SELECT ${place} * FROM ${table}`).all());
  };
  const tables = tableNames.map((table) => [table, read(table)] as const);
  const counts = database.prepare<[], SqliteRow>("SELECT * FROM sqlite_sequence ORDER BY name").all();
  database.close();
  return Object.fromEntries([...tables, ["counts", counts]]);
}

/** What a database holds, said as a file says it. What only PostgreSQL has is checked and left out. */
export async function readDatabase(connection: pg.Client): Promise<Contents> {
  const contents: Record<string, readonly SqliteRow[]> = {};
  for (const table of tableNames) {
    const { rows } = await connection.query<Record<string, unknown>>(`SELECT * FROM ${table}`);
    contents[table] = inOrder(rows.map((row) => toSqliteRow(table, row)));
  }
  const counts: SqliteRow[] = [];
  for (const name of ["attempts", "blocks", "chunks", "intents", "subscriptions", "topics"]) {
    const { rows } = await connection.query<{ readonly seq: number }>(
      `SELECT last_value::int AS seq FROM ${name}_id_seq`,
    );
    counts.push({ name, seq: rows[0]?.seq ?? 0 });
  }
  return { ...contents, counts };
}

function inOrder(rows: readonly SqliteRow[]): readonly SqliteRow[] {
  const keyNames = ["id", "subscription_id", "topic_id", "origin", "name", "started_at"];
  const keyOf = (row: SqliteRow) => String(keyNames.map((name) => row[name]).find((key) => key !== undefined));
  return rows.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function toSqliteRow(table: string, row: Readonly<Record<string, unknown>>): SqliteRow {
  const { lease_until: lease = null, pair, ...rest } = row;
  const isFree = lease === null || (table === "chunks" && lease === Number.NEGATIVE_INFINITY);
  if (!isFree) throw new Error(`${table} has a lease until ${JSON.stringify(lease)}`);
  if (table === "intents" && !pairOf(rest as { topic: string; callback: string }).equals(pair as Buffer))
    throw new Error("an intent has the pair of another");
  const shared = Object.entries(rest).filter(
    ([column]) => table !== "chunks" || !/^(delivered|behind|gone)$/.test(column),
  );
  return Object.fromEntries(shared.map(([column, value]) => [column, toSqliteValue(table, column, value)]));
}

function toSqliteValue(table: string, column: string, value: unknown): SqliteRow[string] {
  if (table === "chunks" && column === "owner") return value === "" ? null : String(value);
  if (typeof value === "boolean") return Number(value);
  if (Array.isArray(value)) return `[${value.join(",")}]`;
  if (Buffer.isBuffer(value)) return /^(body|bytes)$/.test(column) ? value : value.toString();
  const isWhole = typeof value === "string" && /^\d+$/.test(value);
  return isWhole ? Number(value) : (value as SqliteRow[string]);
}
