import { existsSync } from "node:fs";

import SqliteDatabase from "better-sqlite3";
import { readMigrationFiles } from "drizzle-orm/migrator";

/** Throws when migrations of the file are pending. Nothing is written, and no file is made. */
export function assertMigrated(file: string, migrationsFolder: string): void {
  const appliedAt = existsSync(file) ? readLastApplied(file) : 0;
  const pending = readMigrationFiles({ migrationsFolder }).filter(({ folderMillis }) => folderMillis > appliedAt);
  if (pending.length > 0)
    throw new Error(`it lacks ${pending.length} migrations: a hub with CARILLON_MIGRATE=true applies them`);
}

function readLastApplied(file: string): number {
  const connection = new SqliteDatabase(file, { readonly: true });
  try {
    return lastApplied(connection);
  } finally {
    connection.close();
  }
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
