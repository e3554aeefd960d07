import { resolve } from "node:path";

import pg from "pg";

import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import type { Store } from "../../src/store/store.ts";
import { startServer } from "../support/embedded-server.ts";
import { cpuMsWithChildren } from "./process-cpu.ts";

/** A server: CARILLON_TEST_POSTGRES_URL, or one of its own with its defaults, so that everything is flushed as an operator has it. */
export type BenchPostgres = AsyncDisposable & {
  readonly version: string;
  /** A database as `fill` leaves it, to be copied. */
  seed(fill: (store: Store, client: pg.Client) => Promise<void>): Promise<BenchDatabase>;
  /** So each that measures starts from the same state. */
  copy(database: BenchDatabase): Promise<BenchDatabase>;
  /** What the server has used so far. */
  use(): Promise<ServerUse>;
};

/** Disposing drops it. */
export type BenchDatabase = AsyncDisposable & {
  readonly url: string;
  /** Runs a statement over a connection of its own, and resolves to its rows. */
  ask<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
};

export type ServerUse = {
  /** Of all its processes. NaN where it is not ours. */
  readonly cpuMs: number;
  /** Of its write-ahead log. */
  readonly logBytes: number;
  /** Of that log, to disk. */
  readonly flushes: number;
};

export const migrationsFolder = resolve(import.meta.dirname, "../../src/store/postgres/migrations");

export type PostgresOptions = {
  /** It has pg_stat_statements, which costs it a little. */
  readonly watch?: boolean;
  /** Of a server of its own, besides the defaults. */
  readonly settings?: Readonly<Record<string, string>>;
};

export async function openPostgres({ watch = false, settings = {} }: PostgresOptions = {}): Promise<BenchPostgres> {
  await using stack = new AsyncDisposableStack();
  const given = process.env["CARILLON_TEST_POSTGRES_URL"];
  const { url, pid } = given
    ? { url: given, pid: undefined }
    : stack.use(await startServer({ ...settings, ...(watch && { shared_preload_libraries: "pg_stat_statements" }) }));
  const [told] = await ask<{ server_version: string }>(url, "SHOW server_version");
  let databases = 0;
  const create = async (options: string) => {
    const name = `carillon_bench_${process.pid}_${(databases += 1)}`;
    await ask(url, `CREATE DATABASE ${name} ${options}`);
    return toDatabase(url, name);
  };
  const all = stack.move();
  return {
    version: told?.server_version ?? "",
    async seed(fill) {
      const database = await create("");
      await using store = await openPostgresStore(database.url, { migrationsFolder });
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      if (watch) await client.query("CREATE EXTENSION pg_stat_statements");
      await fill(store, client);
      await client.query("VACUUM ANALYZE");
      await client.end();
      return database;
    },
    copy: (database) => create(`TEMPLATE ${new URL(database.url).pathname.slice(1)} STRATEGY FILE_COPY`),
    async use() {
      const [log] = await ask<{ bytes: string; flushes: string }>(url, logUse);
      const cpuMs = pid === undefined ? Number.NaN : await cpuMsWithChildren(pid);
      return { cpuMs, logBytes: Number(log?.bytes), flushes: Number(log?.flushes) };
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

const logUse = `SELECT pg_current_wal_insert_lsn() - '0/0' AS bytes,
  (SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal') AS flushes`;

function toDatabase(serverUrl: string, name: string): BenchDatabase {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    ask: (text, values) => ask(url.href, text, values),
    async [Symbol.asyncDispose]() {
      await ask(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

async function ask<Row extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}
