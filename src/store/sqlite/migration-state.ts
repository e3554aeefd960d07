import { existsSync } from "node:fs";

import SqliteDatabase from "better-sqlite3";
import { readMigrationFiles } from "drizzle-orm/migrator";

import { HubError } from "../../errors.ts";
import { newerDatabase } from "../rows/newer-database.ts";

export type MigrationState = {
  /** When the newest migration applied was made; 0 before the first. */
  readonly applied: number;
  /** How many this program knows that are not applied. */
  readonly pending: number;
};

/** Throws `store_unavailable` when a newer program has migrated the file. */
export function readMigrationState(connection: SqliteDatabase.Database, migrationsFolder: string): MigrationState {
  const applied = lastApplied(connection);
  const known = readMigrationFiles({ migrationsFolder }).map(({ folderMillis }) => folderMillis);
  if (applied > Math.max(...known)) throw new HubError("store_unavailable", newerDatabase);
  return { applied, pending: known.filter((made) => made > applied).length };
}

/** Throws when migrations of the file are pending, and when a newer program has migrated it. Nothing is written, and no file is made. */
export function assertMigrated(file: string, migrationsFolder: string): void {
  const { pending } = existsSync(file) ? readFileState(file, migrationsFolder) : unmigrated(migrationsFolder);
  if (pending > 0) throw lackOf(pending);
}

export function lackOf(pending: number): Error {
  return new Error(`it lacks ${pending} migrations: a hub with CARILLON_MIGRATE=true applies them`);
}

function readFileState(file: string, migrationsFolder: string): MigrationState {
  const connection = new SqliteDatabase(file, { readonly: true });
  try {
    return readMigrationState(connection, migrationsFolder);
  } finally {
    connection.close();
  }
}

function unmigrated(migrationsFolder: string): MigrationState {
  return { applied: 0, pending: readMigrationFiles({ migrationsFolder }).length };
}

/** When the newest migration applied was made; 0 before the first. */
export function lastApplied(connection: SqliteDatabase.Database): number {
  const table = connection.prepare("SELECT 1 FROM sqlite_master WHERE name = '__drizzle_migrations'").get();
  if (table === undefined) return 0;
  const newest = connection.prepare<[], { readonly at: number | null }>(
    "SELECT max(created_at) AS at FROM __drizzle_migrations",
  );
  return newest.get()?.at ?? 0;
}
