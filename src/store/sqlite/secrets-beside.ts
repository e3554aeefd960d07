import type { SecretsBeside } from "../secret-store.ts";
import { openBeside } from "./beside.ts";
import { createSecrets } from "./secrets.ts";

/** Throws `store_unavailable` when the file cannot be used. */
export function openSqliteSecrets(file: string, migrationsFolder: string): SecretsBeside {
  const { isAlone, close, ...db } = openBeside(file, migrationsFolder);
  return {
    secrets: createSecrets(db),
    isAlone,
    async rewrite() {
      db.connection.exec("VACUUM");
      db.connection.pragma("wal_checkpoint(TRUNCATE)");
    },
    async [Symbol.asyncDispose]() {
      close();
    },
  };
}
