import { existsSync } from "node:fs";

import SqliteDatabase from "better-sqlite3";

import { HubError, isUnavailable } from "../../errors.ts";
import type { SecretsBeside } from "../secret-store.ts";
import { assertMigrated } from "./assert-migrated.ts";
import { createGroupCommit } from "./group-commit.ts";
import { lockFile } from "./lock-file.ts";
import { createQuotas } from "./quotas.ts";
import { createSecrets } from "./secrets.ts";

/**
 * A connection beside that of the hub, which waits 50 ms for it to let go: so each write must be short. Throws
 * `store_unavailable` when the file cannot be used.
 */
export function openSqliteSecrets(file: string, migrationsFolder: string): SecretsBeside {
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
    const db = { connection, ...createGroupCommit(connection, createQuotas(connection)) };
    return {
      secrets: createSecrets(db),
      isAlone: unlock !== undefined,
      async rewrite() {
        db.connection.exec("VACUUM");
        db.connection.pragma("wal_checkpoint(TRUNCATE)");
      },
      async [Symbol.asyncDispose]() {
        close();
      },
    };
  } catch (cause) {
    close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HubError("store_unavailable", `the database file ${file} cannot be used: ${reason}`, { cause });
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
