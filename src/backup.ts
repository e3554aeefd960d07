import type { Config } from "./config.ts";
import { HubError } from "./errors.ts";
import { migrationsOf } from "./open-store.ts";
import type { BackedUp, BackupOptions } from "./store/sqlite/backup.ts";
import type { Restored } from "./store/sqlite/restore.ts";

/** `carillon backup`, as far as it is not said in words (store/sqlite/backup.ts). PostgreSQL is left to its own tools. */
export async function backUp(
  { database }: Pick<Config, "database">,
  to: string,
  options: BackupOptions,
): Promise<BackedUp> {
  if (database.kind === "postgres")
    throw ofPostgres("is backed up", `pg_dump --format=custom --file=${quote(to)} "$CARILLON_DATABASE_URL"`);
  const { backUpFile } = await import("./store/sqlite/backup.ts");
  return backUpFile(database.path, to, options);
}

/** `carillon restore` (store/sqlite/restore.ts). */
export async function restore({ database }: Pick<Config, "database">, backup: string, now: Date): Promise<Restored> {
  if (database.kind === "postgres") {
    const command = `pg_restore --clean --if-exists --no-owner --single-transaction --dbname="$CARILLON_DATABASE_URL" ${quote(backup)}`;
    throw ofPostgres("is restored, while no hub runs,", command);
  }
  const { restoreFile } = await import("./store/sqlite/restore.ts");
  return restoreFile(backup, database.path, migrationsOf("sqlite"), now);
}

/** It backs up a running server as well as it can be done, and knows about its versions, roles and disks. */
function ofPostgres(what: string, command: string): HubError {
  return new HubError("store_unavailable", `a PostgreSQL database ${what} with PostgreSQL's own tools: ${command}`);
}

function quote(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
