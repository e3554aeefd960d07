import { closeSync, existsSync, openSync, rmSync } from "node:fs";
import { dirname } from "node:path";

import SqliteDatabase from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { migrate as applyMigrations } from "drizzle-orm/better-sqlite3/migrator";

import { HubError } from "../../errors.ts";
import type { IsSameSecret } from "../../model/secret.ts";
import { copyDatabase, putInPlace, stampOf } from "./copy-file.ts";
import { followDuePlaces } from "./due-places.ts";
import { explainFault } from "./fault.ts";
import { firstOwed } from "./first-owed.ts";
import { createGroupCommit } from "./group-commit.ts";
import { inspectFile } from "./inspect-file.ts";
import { lockFile } from "./lock-file.ts";
import { makeFolder } from "./make-folder.ts";
import { assertMigrated, lackOf } from "./migration-state.ts";
import { createQuotas, fillQuotas, type Quotas } from "./quotas.ts";

export type SqliteOptions = {
  /** False: refuse to start when migrations are pending. */
  readonly migrate?: boolean;
  /** Absent: they are kept as they are. */
  readonly isSameSecret?: IsSameSecret;
  /** Called when the file was migrated, with the name of the copy that was made of it before. */
  readonly onBackup?: (copy: string) => void;
  readonly leaseTime?: LeaseTime;
};

/** By what time leases are judged at some time. Absent: by that time. */
export type LeaseTime = (now: Date) => Date;

/** The one connection of the one process that uses the file. */
export type Database = {
  readonly connection: SqliteDatabase.Database;

  /**
   * Runs `work` inside a transaction that it shares with all other work of this turn of the event loop, and resolves
   * once that is on disk. `work` must be synchronous. When it throws, only its own writes are undone and the promise
   * rejects; when the commit fails, all of them are.
   */
  readonly write: <T>(work: () => T) => Promise<T>;

  /**
   * The same for a claim, which nobody misses after a loss of power: it does not wait for the disk. The next `write` takes it
   * there.
   */
  readonly claim: <T>(work: () => T) => Promise<T>;

  /** The same, turn after turn until `work` returns something: what has much to do lets others in between. */
  readonly claimUntil: <T>(work: () => T | undefined) => Promise<T>;

  /** Runs a read that stands for itself; what SQLite refuses becomes `store_unavailable`. */
  readonly read: <T>(work: () => T) => Promise<T>;

  /** What a `write` has changed of them is written with it. */
  readonly quotas: Pick<Quotas, "get" | "add">;

  readonly leaseTime: LeaseTime;
  readonly close: () => void;
};

/**
 * Opens the file, creates or migrates it, and voids the claims of the process that used it before.
 * Throws `store_unavailable`, and leaves nothing open, when the file cannot be used.
 */
export function openDatabase(file: string, migrationsFolder: string, options: SqliteOptions = {}): Database {
  const { connection, close } = openFile(file, migrationsFolder, options);
  try {
    voidClaims(connection);
    removeUnusedParts(connection);
    followDuePlaces(connection);
    // From here on a wait would stop everything else: who is refused tries again.
    connection.pragma("busy_timeout = 50");
    const quotas = createQuotas(connection);
    fillQuotas(connection, quotas);
    const { leaseTime = (now) => now } = options;
    return { connection, quotas, leaseTime, ...createGroupCommit(connection, quotas), close };
  } catch (cause) {
    close();
    throw toHubError(file, cause);
  }
}

/**
 * A file that is locked against other processes until it is closed, and at the newest schema. One that holds something is copied
 * before it is migrated. Throws as `openDatabase`.
 */
export function openFile(
  file: string,
  migrationsFolder: string,
  { migrate = true, onBackup = () => {} }: SqliteOptions = {},
): Pick<Database, "connection" | "close"> {
  let unlock = () => {};
  let connection: SqliteDatabase.Database | undefined;
  const close = () => {
    connection?.close();
    unlock();
  };
  try {
    if (!migrate && !existsSync(file)) assertMigrated(file, migrationsFolder);
    makeFolder(dirname(file));
    unlock = lockFile(file);
    const { isNew, pending } = inspectFile(file, migrationsFolder);
    if (!migrate && pending > 0) throw lackOf(pending);
    createPrivately(file);
    connection = new SqliteDatabase(file);
    setPragmas(connection);
    const copy = !isNew && pending > 0 ? backUp(connection, file) : undefined;
    migrateOrUndo(connection, migrationsFolder, copy);
    if (copy !== undefined) onBackup(copy);
    return { connection, close };
  } catch (cause) {
    close();
    throw toHubError(file, cause);
  }
}

function toHubError(file: string, cause: unknown): HubError {
  return new HubError("store_unavailable", `the database file ${file} cannot be used: ${explainFault(cause)}`, {
    cause,
  });
}

/** It holds secrets and callbacks, which are capabilities: nobody but its owner may read it, nor what SQLite puts beside it. */
function createPrivately(file: string): void {
  closeSync(openSync(file, "a", 0o600));
}

/** There is no way back from a migration but this. What a start that was killed has left of its copy goes. */
function backUp(connection: SqliteDatabase.Database, file: string): string {
  const copy = `${file}.before-migration-${stampOf(new Date())}`;
  copyDatabase(connection, `${file}.partial`);
  putInPlace(`${file}.partial`, copy);
  return copy;
}

/** All migrations or none: where one fails the file is as it was, and a copy of it would be one more at each start. */
function migrateOrUndo(connection: SqliteDatabase.Database, migrationsFolder: string, copy: string | undefined): void {
  try {
    applyMigrations(drizzle(connection), { migrationsFolder });
  } catch (error) {
    if (copy !== undefined) rmSync(copy);
    // Drizzle tells the statement; why it failed is below.
    throw error instanceof Error ? (error.cause ?? error) : error;
  }
}

function setPragmas(connection: SqliteDatabase.Database): void {
  connection.pragma("busy_timeout = 5000");
  // Only a file without tables takes it. The pages that say where each belongs are a thousandth of it.
  connection.pragma("auto_vacuum = INCREMENTAL");
  connection.pragma("journal_mode = WAL");
  connection.pragma("synchronous = FULL");
  connection.pragma("foreign_keys = ON");
  connection.pragma("cache_size = -8192");
  connection.pragma("temp_store = MEMORY");
  connection.pragma("wal_autocheckpoint = 4000");
  connection.pragma("journal_size_limit = 67108864");
}

/** One process owns the file, so at its start every claim belongs to one that is gone. */
function voidClaims(connection: SqliteDatabase.Database): void {
  connection.exec(`
    UPDATE topics SET fetch_owner = NULL WHERE fetch_owner IS NOT NULL;
    UPDATE intents SET owner = NULL WHERE owner IS NOT NULL;
    UPDATE chunks SET owner = NULL WHERE owner IS NOT NULL;
    UPDATE behind SET owner = NULL, due_at = 0, next = ${firstOwed("next")} WHERE owner IS NOT NULL;
  `);
}

/** Bodies whose publications never came to be. */
function removeUnusedParts(connection: SqliteDatabase.Database): void {
  connection.exec(`
    DELETE FROM body_parts WHERE name IN (SELECT DISTINCT name FROM body_parts EXCEPT
      SELECT large_body FROM publications WHERE large_body IS NOT NULL);
  `);
}
