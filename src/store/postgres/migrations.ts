import { type MigrationMeta, readMigrationFiles } from "drizzle-orm/migrator";
import type pg from "pg";

import { HubError } from "../../errors.ts";
import { newerDatabase } from "../rows/newer-database.ts";

export type Migrations = {
  readonly migrationsFolder: string;
  /** False: refuse to start when some are pending. */
  readonly migrate?: boolean;
};

/** Names the lock in every database: any number that nobody else uses. */
const lockKey = 0x63617269;

/**
 * Brings the schema up to date, one node at a time, in one transaction. Throws `store_unavailable` when the schema is newer
 * than this program, or older and not to be migrated.
 */
export async function applyMigrations(
  connect: () => Promise<pg.PoolClient>,
  schema: string,
  { migrationsFolder, migrate = true }: Migrations,
): Promise<void> {
  const known = readMigrationFiles({ migrationsFolder });
  const client = await connect();
  try {
    await client.query("BEGIN");
    // Nodes that start together wait for the first of them.
    await client.query("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0");
    await client.query({
      text: "SELECT pg_advisory_xact_lock($1)",
      values: [lockKey],
      query_timeout: 0,
    } as pg.QueryConfig);
    const applied = await lastApplied(client, schema);
    assertKnown(known, applied);
    const pending = known.filter(({ folderMillis }) => folderMillis > applied);
    if (pending.length > 0 && !migrate)
      throw new HubError(
        "store_unavailable",
        `the database lacks ${pending.length} migrations: a hub with CARILLON_MIGRATE=true applies them`,
      );
    if (pending.length > 0) await apply(client, schema, pending);
    await client.query("COMMIT");
  } finally {
    // What is not committed ends with the connection.
    client.release(true);
  }
}

function assertKnown(known: readonly MigrationMeta[], applied: number): void {
  const newest = known.at(-1)?.folderMillis ?? 0;
  if (applied > newest) throw new HubError("store_unavailable", `the database cannot be used: ${newerDatabase}`);
}

/** When the newest migration applied was made; 0 before the first. */
export async function lastApplied(client: pg.ClientBase, schema: string): Promise<number> {
  const table = `${client.escapeIdentifier(schema)}.migrations`;
  const { rows: found } = await client.query<{ readonly known: boolean }>({
    text: "SELECT to_regclass($1) IS NOT NULL AS known",
    values: [table],
  });
  if (found[0]?.known !== true) return 0;
  const { rows } = await client.query<{ readonly made_at: number }>(
    `SELECT coalesce(max(made_at), 0) AS made_at FROM ${table}`,
  );
  return rows[0]?.made_at ?? 0;
}

async function apply(client: pg.PoolClient, schema: string, pending: readonly MigrationMeta[]): Promise<void> {
  const name = client.escapeIdentifier(schema);
  const { rows } = await client.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema]);
  // Who may not make schemas may still use one.
  if (rows.length === 0) await client.query(`CREATE SCHEMA ${name}`);
  await client.query(`CREATE TABLE IF NOT EXISTS ${name}.migrations (made_at bigint PRIMARY KEY, hash text NOT NULL)`);
  for (const { sql, folderMillis, hash } of pending) {
    // Generated references name the schema `public`; ours is the first of the search path.
    await client.query(sql.join(";").replaceAll('"public".', ""));
    await client.query(`INSERT INTO ${name}.migrations VALUES ($1, $2)`, [folderMillis, hash]);
  }
}
