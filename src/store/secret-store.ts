import type { Pair } from "../model/secret.ts";

/** Where secrets are kept. Those of intents become those of subscriptions. */
export type SecretTable = "intents" | "subscriptions";

export type KeptSecret = Pair & { readonly id: number; readonly secret: string };

export type SecretChange = { readonly id: number; readonly from: string; readonly to: string };

/** What those are told whose secret is given up. No callback host is told so more often than `noticesPerMinute`. */
export type Farewell = { readonly reason: string; readonly now: Date; readonly noticesPerMinute: number };

/** Secrets as they are kept, and with which keys. To the store both are mere text. */
export interface SecretStore {
  /** Ids of the keys that secrets may be sealed with. */
  listKeys(): Promise<readonly string[]>;

  /** Write down that secrets may be sealed with a key from now on. Repeated, it changes nothing. */
  addKey(id: string): Promise<void>;

  /** Forget keys. Whatever was changed before is then on disk. */
  removeKeys(ids: readonly string[]): Promise<void>;

  /** Whether any secret begins like this. Reads all of them in the worst case. */
  hasSecret(beginning: string): Promise<boolean>;

  /** The next secrets by id, at most `limit`; none after the last. */
  listSecrets(table: SecretTable, afterId: number, limit: number): Promise<readonly KeptSecret[]>;

  /**
   * Change those that still are as they were read. Nothing else about the subscription changes, nor does its generation.
   * Resolves to how many were changed.
   */
  changeSecrets(table: SecretTable, changes: readonly SecretChange[]): Promise<number>;

  /**
   * Give up secrets that nobody can open any more: their subscriptions end, requests to subscribe that have them are denied, and
   * the callbacks of both are told (§5.2). Those to unsubscribe need none, and go on without. No hub may use the store meanwhile.
   * Resolves to how many were given up.
   */
  giveUp(table: SecretTable, lost: readonly KeptSecret[], farewell: Farewell): Promise<number>;
}

/** What can be done with them beside hubs that run. */
export type SecretStoreBeside = Omit<SecretStore, "giveUp">;

/** The secrets of a store that others may be using. */
export type SecretsBeside = AsyncDisposable & {
  readonly secrets: SecretStoreBeside;
  /** Nobody else uses it, and nobody else can until this is closed. */
  readonly isAlone: boolean;
  /** Leaves nothing in the files of what was changed. Only alone, and only where that can be done from here. */
  rewrite(): Promise<void>;
};
