import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";

import SqliteDatabase from "better-sqlite3";

import { HubError } from "../../errors.ts";
import { copyDatabase, putInPlace } from "./copy-file.ts";
import { explainFault } from "./fault.ts";
import { assertOurs } from "./inspect-file.ts";
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
export function backUpFile(file: string, to: string, { replace, signal }: BackupOptions): BackedUp {
  if (!existsSync(file)) throw refusal(`there is no database ${file}`);
  assertFree(file, to, replace);
  const partial = `${to}.partial`;
  try {
    const connection = new SqliteDatabase(file, { readonly: true });
    try {
      assertOurs(connection, { applied: lastApplied(connection) });
      copyDatabase(connection, partial);
    } finally {
      connection.close();
    }
    if (signal.aborted) throw refusal("it was stopped");
    putInPlace(partial, to);
    return measure(to);
  } catch (cause) {
    throw cause instanceof HubError ? cause : refusal(explainFault(cause), cause);
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
