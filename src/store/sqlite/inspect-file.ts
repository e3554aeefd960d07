import { existsSync, statSync } from "node:fs";

import SqliteDatabase from "better-sqlite3";

import { HubError } from "../../errors.ts";
import { damaged } from "./fault.ts";
import { type MigrationState, readMigrationState } from "./migration-state.ts";
import { placeOf } from "./place-of.ts";

/** Files up to this size are checked at every start: some 0.1 s. */
const checkedBytes = 64 * 1024 * 1024;
/** Up to this size they are when they were not closed in order: some 2 s. Larger ones are left to `verify-data`. */
const checkedBytesAfterCrash = 1024 * 1024 * 1024;

/**
 * Looks whether a file is one that a hub can go on with, before anything is written to it. Throws `store_unavailable` when it
 * is damaged or lost, another program's, or was migrated by a newer version of this one. One without a byte is a new one.
 */
export function inspectFile(name: string, migrationsFolder: string): MigrationState & { readonly isNew: boolean } {
  const file = placeOf(name);
  const isNew = sizeOf(file) === 0;
  const isUnclean = sizeOf(`${file}-wal`) > 0;
  if (isNew && isUnclean) throw new HubError("store_unavailable", lost(file));
  // What a crash has left half written in a file without -wal is undone by whoever may write, and by nobody else.
  const readonly = sizeOf(`${file}-journal`) === 0;
  const connection = isNew ? new SqliteDatabase(":memory:") : new SqliteDatabase(file, { readonly });
  try {
    const state = readMigrationState(connection, migrationsFolder);
    assertOurs(connection, state);
    if (sizeOf(file) <= (isUnclean ? checkedBytesAfterCrash : checkedBytes)) assertSound(connection);
    return { ...state, isNew };
  } finally {
    connection.close();
  }
}

/** Throws `store_unavailable` when the file holds tables, and not those of a hub. */
export function assertOurs(connection: SqliteDatabase.Database, { applied }: Pick<MigrationState, "applied">): void {
  const names = connection.prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'table'").pluck().all();
  const isOurs = applied > 0 && names.includes("subscriptions") && names.includes("fan_outs");
  if (names.length === 0 || isOurs) return;
  throw new HubError("store_unavailable", "it holds the tables of another program: name another file");
}

function assertSound(connection: SqliteDatabase.Database): void {
  const complaint = String(connection.pragma("quick_check(1)", { simple: true }));
  if (complaint !== "ok") throw damaged(complaint);
}

/** SQLite would take it for a new one, and remove what the -wal file holds. */
function lost(file: string): string {
  return `it is ${existsSync(file) ? "empty" : "missing"}, but ${file}-wal beside it is not: bring back the file that belongs to it, or a backup with carillon restore FILE; to begin anew, move both away`;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
