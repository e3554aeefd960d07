import { fileURLToPath } from "node:url";

import type { Config } from "./config.ts";
import type { Store } from "./store/store.ts";

/**
 * The store that the database URL names. `leaseMs`: how long claims last where they have an end; absent: as long as usual.
 * Rejects with `store_unavailable` when it cannot be used.
 */
export async function openStore(
  { database, migrate }: Pick<Config, "database" | "migrate">,
  leaseMs?: number,
): Promise<Store> {
  // Each is loaded only where it is used: a driver costs memory and time at start.
  switch (database.kind) {
    case "file": {
      const { openSqliteStore } = await import("./store/sqlite/sqlite-store.ts");
      return openSqliteStore(database.path, migrationsOf("sqlite"), { migrate });
    }
    case "postgres": {
      const { openPostgresStore } = await import("./store/postgres/postgres-store.ts");
      const migrations = { migrationsFolder: migrationsOf("postgres"), migrate };
      return openPostgresStore(database.url, { ...migrations, ...(leaseMs !== undefined && { leaseMs }) });
    }
  }
}

/** Beside the sources, or beside the built program. */
export function migrationsOf(store: "sqlite" | "postgres"): string {
  const path = import.meta.url.endsWith(".ts") ? `store/${store}/migrations` : `migrations/${store}`;
  return fileURLToPath(new URL(path, import.meta.url));
}
