import { readMigrationFiles } from "drizzle-orm/migrator";

import { HubError } from "../../errors.ts";
import { newerDatabase } from "../rows/newer-database.ts";

/** Throws `store_unavailable` unless the newest migration applied, 0 for none, is the newest this program knows. */
export function assertCurrent(applied: number, migrationsFolder: string): void {
  const newest = readMigrationFiles({ migrationsFolder }).at(-1)?.folderMillis ?? 0;
  if (applied === newest) return;
  throw new HubError("store_unavailable", explain(applied, newest));
}

function explain(applied: number, newest: number): string {
  if (applied === 0) return "it holds no data of a hub";
  if (applied > newest) return newerDatabase;
  return "its schema is older than this program: start the hub on it once, which brings it up to date";
}
