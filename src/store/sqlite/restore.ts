import { existsSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";

import SqliteDatabase from "better-sqlite3";

import { HubError } from "../../errors.ts";
import { type BackedUp, measure } from "./backup.ts";
import { copyDatabase, keepAs, putInPlace, stampOf } from "./copy-file.ts";
import { explainFault } from "./fault.ts";
import { assertOurs } from "./inspect-file.ts";
import { lockFile } from "./lock-file.ts";
import { makeFolder } from "./make-folder.ts";
import { readMigrationState } from "./migration-state.ts";
import { placeOf } from "./place-of.ts";

/** `keptAs`: what the former database, or what was left of it, is called now. Absent: there was none. */
export type Restored = BackedUp & { readonly keptAs: string | undefined };

/**
 * Puts what a backup holds in the place of the database, which no hub may use meanwhile. The backup stays as it is, and is checked
 * before anything else changes; the former database is kept under another name, with what SQLite had put beside it. Throws
 * `store_unavailable` when that cannot be done; then the database is what it was.
 */
export function restoreFile(backup: string, name: string, migrationsFolder: string, now: Date): Restored {
  const file = placeOf(name);
  if (!existsSync(backup)) throw refusal(`there is no file ${backup}`);
  if (placeOf(backup) === file) throw refusal(`${backup} is the database itself`);
  let unlock = () => {};
  try {
    makeFolder(dirname(file));
    unlock = lockFile(file);
    const partial = `${file}.partial`;
    copyBackup(backup, partial, migrationsFolder);
    const keptAs = keepFormer(file, `${file}.before-restore-${stampOf(now)}`);
    // Left beside the new file, they would be taken for a part of it.
    for (const end of ["-wal", "-shm", "-journal"]) rmSync(`${file}${end}`, { force: true });
    putInPlace(partial, file);
    return { ...measure(file), keptAs };
  } catch (cause) {
    throw refusal(cause instanceof HubError ? cause.message : explainFault(cause), cause);
  } finally {
    unlock();
  }
}

/** Also of one that was copied by hand together with its -wal. */
function copyBackup(backup: string, partial: string, migrationsFolder: string): void {
  if (statSync(backup).size === 0) throw new HubError("store_unavailable", `${backup} is empty`);
  let connection: SqliteDatabase.Database | undefined;
  try {
    connection = new SqliteDatabase(backup, { readonly: true });
    assertOurs(connection, readMigrationState(connection, migrationsFolder));
    copyDatabase(connection, partial);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HubError("store_unavailable", `${backup} cannot be restored: ${reason}`, { cause });
  } finally {
    connection?.close();
  }
}

/** Also a -wal without its file, in which the last commits are. What the first of them is called now. */
function keepFormer(file: string, name: string): string | undefined {
  const ends = ["", "-wal", "-journal"].filter((end) => existsSync(`${file}${end}`));
  for (const end of ends) keepAs(`${file}${end}`, `${name}${end}`);
  return ends[0] === undefined ? undefined : `${name}${ends[0]}`;
}

function refusal(reason: string, cause?: unknown): HubError {
  return new HubError("store_unavailable", `nothing was restored: ${reason}`, { cause });
}
