import { SettingsError } from "./config.ts";
import { sealedWith } from "./secrets.ts";
import type { SecretStore, SecretTable } from "./store/secret-store.ts";

/** What was sealed with a key, and has been given up. */
export type GivenUp = Readonly<Record<SecretTable, number>>;

export type GiveUpOptions = {
  /** Ids of the keys that are at hand. */
  readonly known: readonly string[];
  readonly now: Date;
  readonly noticesPerMinute: number;
  /** Ends it after the batch under way; what is done stays done. */
  readonly signal: AbortSignal;
};

const batch = 500;
const reason = "this hub has lost the key to the secret of this subscription: please subscribe again";

/**
 * Gives up all that is sealed with a lost key, since nothing may ever be delivered unsigned in its place: subscriptions end,
 * requests are denied, and their callbacks are told when a hub runs. Throws SettingsError when the key is at hand, or in no use.
 */
export async function giveUpKey(
  store: SecretStore,
  keyId: string,
  { known, signal, now, noticesPerMinute }: GiveUpOptions,
): Promise<GivenUp> {
  if (known.includes(keyId))
    throw new SettingsError([`CARILLON_SECRET_KEY holds the key ${keyId}: what is sealed with it is not lost`]);
  const inUse = await store.listKeys();
  if (!inUse.includes(keyId))
    throw new SettingsError([
      `--give-up is "${keyId}": it must be a key in use, of which there are: ${inUse.join(", ") || "none"}`,
    ]);
  const farewell = { reason, now, noticesPerMinute };
  // Intents first: the notices are some too, without a secret.
  const givenUp = { intents: 0, subscriptions: 0 };
  for (const table of ["intents", "subscriptions"] as const) {
    let lastId: number | undefined = 0;
    while (lastId !== undefined && !signal.aborted) {
      const kept = await store.listSecrets(table, lastId, batch);
      const lost = kept.filter(({ secret }) => secret.startsWith(sealedWith(keyId)));
      if (lost.length > 0) givenUp[table] += await store.giveUp(table, lost, farewell);
      lastId = kept.at(-1)?.id;
    }
  }
  if (!signal.aborted) await store.removeKeys([keyId]);
  return givenUp;
}
