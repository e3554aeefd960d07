import { accessSync, constants, existsSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";

import SqliteDatabase from "better-sqlite3";

import { HubError } from "../../errors.ts";
import { copyDatabase, putInPlace } from "./copy-file.ts";
import { explainFault } from "./fault.ts";
import { assertOurs } from "./inspect-file.ts";
import { lockFile } from "./lock-file.ts";
import { lastApplied } from "./migration-state.ts";
import { placeOf } from "./place-of.ts";

export type BackupOptions = {
  /** Whether `to` may be there already; it stays as it was until the new one is whole. */
  readonly replace: boolean;
  /** Once aborted, nothing is put in place. */
  readonly signal: AbortSignal;
};

export type BackedUp = { readonly bytes: number; readonly topics: number; readonly subscriptions: number };

/**
 * Writes the database as it is at one moment to one file, checked and on disk when this returns; hubs that use it go on. Throws
 * `store_unavailable` when that cannot be done; then there is no new file.
 */
export async function backUpFile(file: string, to: string, { replace, signal }: BackupOptions): Promise<BackedUp> {
  if (!existsSync(file)) throw refusal(`there is no database ${file}`);
  assertFree(file, to, replace);
  const partial = `${to}.partial`;
  const unlock = lockPartial(to, partial);
  try {
    copyFile(file, partial);
    // SQLite lets no signal in while it copies.
    await setImmediate();
    if (signal.aborted) throw new HubError("store_unavailable", "it was stopped");
    const measured = measure(partial);
    putInPlace(partial, to);
    return measured;
  } catch (cause) {
    rmSync(partial, { force: true });
    throw refusal(cause instanceof HubError ? cause.message : explainFault(cause), cause);
  } finally {
    unlock();
  }
}

function copyFile(file: string, partial: string): void {
  const connection = new SqliteDatabase(file, { readonly: true });
  try {
    assertOurs(connection, { applied: lastApplied(connection) });
    copyDatabase(connection, partial);
  } finally {
    connection.close();
  }
}

/** Two that write the same file would each put in place what the other has not written yet. Returns how to let go. */
function lockPartial(to: string, partial: string): () => void {
  try {
    accessSync(dirname(to), constants.W_OK);
    const unlock = lockFile(partial);
    return () => {
      rmSync(`${partial}-lock`, { force: true });
      unlock();
    };
  } catch (cause) {
    const isHeld = cause instanceof HubError;
    throw refusal(isHeld ? `another backup is being written to ${to}` : explainFault(cause), cause);
  }
}

/** What a copy holds. */
export function measure(file: string): BackedUp {
  const connection = new SqliteDatabase(file, { readonly: true });
  const count = (table: string) => Number(connection.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
  try {
    return { bytes: statSync(file).size, topics: count("topics"), subscriptions: count("subscriptions") };
  } finally {
    connection.close();
  }
}

function assertFree(file: string, to: string, replace: boolean): void {
  const ours = ["", "-wal", "-shm", "-journal", "-lock"].map((end) => `${placeOf(file)}${end}`);
  if (ours.includes(placeOf(to))) throw refusal(`${to} belongs to the database itself: name another file`);
  if (!existsSync(dirname(to))) throw refusal(`there is no folder ${dirname(to)}`);
  const found = statSync(to, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw refusal(`${to} is a folder: name a file in it`);
  if (found !== undefined && !replace) throw refusal(`${to} exists already: name another file, or add --force`);
}

function refusal(reason: string, cause?: unknown): HubError {
  return new HubError("store_unavailable", `nothing was backed up: ${reason}`, { cause });
}
