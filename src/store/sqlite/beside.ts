import { existsSync } from "node:fs";

import SqliteDatabase from "better-sqlite3";

import { HubError, isUnavailable } from "../../errors.ts";
import type { Database } from "./database.ts";
import { createGroupCommit } from "./group-commit.ts";
import { explainFault } from "./fault.ts";
import { lockFile } from "./lock-file.ts";
import { assertMigrated } from "./migration-state.ts";
import { createQuotas } from "./quotas.ts";

/** A connection beside that of the hub. */
export type Beside = Pick<Database, "connection" | "write" | "claim" | "read"> & {
  /** Nobody else uses the file, and nobody else can until this is closed. */
  readonly isAlone: boolean;
  readonly close: () => void;
};

/**
 * Opens a file that a hub may be using, which waits 50 ms for others to let go: so each write must be short. Throws
 * `store_unavailable` when the file cannot be used.
 */
export function openBeside(file: string, migrationsFolder: string): Beside {
  let unlock: (() => void) | undefined;
  let connection: SqliteDatabase.Database | undefined;
  const close = () => {
    connection?.close();
    unlock?.();
  };
  try {
    if (!existsSync(file)) throw new Error("it does not exist");
    unlock = lockUnlessUsed(file);
    assertMigrated(file, migrationsFolder);
    connection = new SqliteDatabase(file, { fileMustExist: true, timeout: 5000 });
    connection.pragma("synchronous = FULL");
    connection.pragma("wal_autocheckpoint = 4000");
    const commit = createGroupCommit(connection, createQuotas(connection));
    return { connection, ...commit, isAlone: unlock !== undefined, close };
  } catch (cause) {
    close();
    throw new HubError("store_unavailable", `the database file ${file} cannot be used: ${explainFault(cause)}`, {
      cause,
    });
  }
}

/** Absent when a hub has the lock. */
function lockUnlessUsed(file: string): (() => void) | undefined {
  try {
    return lockFile(file);
  } catch (error) {
    if (isUnavailable(error)) return undefined;
    throw error;
  }
}
