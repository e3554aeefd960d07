import type { Config } from "./config.ts";
import { migrationsOf } from "./open-store.ts";
import { createSecrets } from "./secrets.ts";
import { findFaults } from "./store/reading/find-faults.ts";
import type { Reading } from "./store/reading/reading.ts";

/**
 * Everything that is wrong with the data of a hub, a line each; hubs may go on meanwhile, and nothing is changed. Secrets are
 * tried when there is a key. Rejects with `store_unavailable` when the database cannot be read at all.
 */
export async function* verifyData(config: Pick<Config, "database" | "secretKeys">): AsyncGenerator<string> {
  await using reading = await openReading(config);
  const { ids, open } = createSecrets(config.secretKeys);
  yield* findFaults(reading, ids.length > 0 ? open : undefined);
}

/** The database as it is now. Rejects with `store_unavailable` when it cannot be read. */
export async function openReading({ database }: Pick<Config, "database">): Promise<Reading> {
  // Each is loaded only where it is used.
  if (database.kind === "file") {
    const { openSqliteReading } = await import("./store/reading/sqlite-reading.ts");
    return openSqliteReading(database.path, migrationsOf("sqlite"));
  }
  const { openPostgresReading } = await import("./store/reading/postgres-reading.ts");
  return openPostgresReading(database.url, migrationsOf("postgres"));
}
