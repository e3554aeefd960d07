import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { Config } from "./config.ts";
import { HubError } from "./errors.ts";
import { useKeys } from "./secret-keys.ts";
import { createSecrets, type SecretKeys } from "./secrets.ts";
import type { BlocksBeside } from "./store/block-store.ts";
import type { SecretsBeside } from "./store/secret-store.ts";
import type { Store } from "./store/store.ts";

export type OpenStoreOptions = {
  /** How long claims last where they have an end. Absent: as long as usual. */
  readonly leaseMs?: number | undefined;
  /** By what time subscriptions' leases are judged at some time. Absent: by that time. */
  readonly leaseTime?: (now: Date) => Date;
  /** Called when a file was migrated, with the name of the copy that was made of it before. */
  readonly onBackup?: (copy: string) => void;
};

/**
 * The store that the database URL names. Rejects with `store_unavailable` when it cannot be used, and with SettingsError when secrets in
 * it are sealed with a key that is not known.
 */
export async function openStore(
  config: Pick<Config, "database" | "migrate" | "secretKeys">,
  options: OpenStoreOptions = {},
): Promise<Store> {
  const secrets = createSecrets(config.secretKeys);
  const store = await openAny(config, secrets, options);
  try {
    await useKeys(store.secrets, secrets.ids);
    return store;
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

async function openAny(
  { database, migrate }: Pick<Config, "database" | "migrate">,
  { isSame: isSameSecret }: SecretKeys,
  { leaseMs, leaseTime = (now) => now, onBackup = () => {} }: OpenStoreOptions = {},
): Promise<Store> {
  // Each is loaded only where it is used: a driver costs memory and time at start.
  switch (database.kind) {
    case "file": {
      const { openSqliteStore } = await import("./store/sqlite/sqlite-store.ts");
      const options = { migrate, isSameSecret, leaseTime, onBackup };
      return openSqliteStore(database.path, migrationsOf("sqlite"), options);
    }
    case "postgres": {
      const { openPostgresStore } = await import("./store/postgres/postgres-store.ts");
      const options = { migrationsFolder: migrationsOf("postgres"), migrate, isSameSecret, leaseTime };
      return openPostgresStore(database.url, { ...options, ...(leaseMs !== undefined && { leaseMs }) });
    }
  }
}

/**
 * The store while no hub uses it, whatever keys its secrets are sealed with. Rejects with `store_unavailable` when one does, or
 * when it cannot be used.
 */
export async function openUnused({ database, secretKeys }: Pick<Config, "database" | "secretKeys">): Promise<Store> {
  if (database.kind === "postgres") {
    const { assertUnused } = await import("./store/postgres/presence.ts");
    await assertUnused(database.url);
  } else if (!existsSync(database.path)) {
    throw new HubError("store_unavailable", `the database file ${database.path} cannot be used: it does not exist`);
  }
  return openAny({ database, migrate: false }, createSecrets(secretKeys));
}

/** Just the blocks of the store, beside hubs that use it. Rejects with `store_unavailable` when it cannot be used. */
export async function openBlocks({ database }: Pick<Config, "database">): Promise<BlocksBeside> {
  switch (database.kind) {
    case "file": {
      const { openBeside } = await import("./store/sqlite/beside.ts");
      const { createBlockList } = await import("./store/sqlite/blocks.ts");
      const { close, ...db } = openBeside(database.path, migrationsOf("sqlite"));
      return { blocks: createBlockList(db), [Symbol.asyncDispose]: async () => close() };
    }
    case "postgres": {
      const { blocks, close } = await openPostgresBeside(database.url);
      return { blocks, [Symbol.asyncDispose]: close };
    }
  }
}

/** Just the secrets of the store, beside hubs that use it. Rejects with `store_unavailable` when it cannot be used. */
export async function openSecrets({ database }: Pick<Config, "database">): Promise<SecretsBeside> {
  switch (database.kind) {
    case "file": {
      const { openSqliteSecrets } = await import("./store/sqlite/secrets-beside.ts");
      return openSqliteSecrets(database.path, migrationsOf("sqlite"));
    }
    case "postgres": {
      const { secrets, close } = await openPostgresBeside(database.url);
      return { secrets, isAlone: false, async rewrite() {}, [Symbol.asyncDispose]: close };
    }
  }
}

async function openPostgresBeside(url: string) {
  const { openPostgresStore } = await import("./store/postgres/postgres-store.ts");
  const migrationsFolder = migrationsOf("postgres");
  const store = await openPostgresStore(url, { migrationsFolder, migrate: false, connections: 1 });
  return { ...store, close: () => store[Symbol.asyncDispose]() };
}

/** Beside the sources, or beside the built program. */
export function migrationsOf(store: "sqlite" | "postgres"): string {
  const path = import.meta.url.endsWith(".ts") ? `store/${store}/migrations` : `migrations/${store}`;
  return fileURLToPath(new URL(path, import.meta.url));
}
