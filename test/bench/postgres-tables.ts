import type { BenchDatabase } from "./postgres.ts";

/** What a table takes up with its indexes and what is stored beside it, in MB of a million bytes, and its rows. */
export type TableSize = { readonly name: string; readonly mb: number; readonly rows: number; readonly dead: number };

/** By the server's own statistics, which are about a second late. */
export async function readSizes(database: BenchDatabase): Promise<readonly TableSize[]> {
  return database.ask<TableSize>(
    `SELECT relname AS name, pg_total_relation_size(relid) / 1e6::float8 AS mb, n_live_tup::float8 AS rows, n_dead_tup::float8 AS dead
       FROM pg_stat_user_tables WHERE schemaname = current_schema() ORDER BY relname`,
  );
}

export type LongStatement = {
  readonly query: string;
  readonly calls: number;
  readonly meanMs: number;
  readonly longestMs: number;
};

/** The slowest of the hub's since `forgetStatements`, the one that took longest first; COMMIT, which flushes, is none. */
export async function longestStatements(database: BenchDatabase): Promise<readonly LongStatement[]> {
  return database.ask<LongStatement>(
    `SELECT query, calls::float8 AS calls, mean_exec_time AS "meanMs", max_exec_time AS "longestMs" FROM pg_stat_statements
      WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND query !~* '^(COMMIT|BEGIN|SHOW|CREATE|LISTEN)|pg_stat|pg_total' ORDER BY max_exec_time DESC LIMIT 12`,
  );
}

export async function forgetStatements(database: BenchDatabase): Promise<void> {
  await database.ask("SELECT pg_stat_statements_reset()");
}

export function totalMb(sizes: readonly TableSize[]): number {
  return sizes.reduce((sum, { mb }) => sum + mb, 0);
}
