import { SettingsError } from "./config.ts";
import type { KeptSecret, SecretChange, SecretStoreBeside, SecretTable } from "./store/secret-store.ts";
import { sealedWith, type SecretKeys } from "./secrets.ts";

/**
 * What a hub does with its keys before it works: the first one is written down, so that whoever comes without it is
 * refused. Throws SettingsError when secrets are sealed with a key that is not among them.
 */
export async function useKeys(store: SecretStoreBeside, [first, ...others]: readonly string[]): Promise<void> {
  const known = new Set([first, ...others]);
  const missing: string[] = [];
  for (const id of await store.listKeys())
    if (!known.has(id) && (await store.hasSecret(sealedWith(id)))) missing.push(id);
  if (missing.length > 0) throw new SettingsError(missing.map(tellMissing));
  if (first !== undefined) await store.addKey(first);
}

function tellMissing(id: string): string {
  return `CARILLON_SECRET_KEY lacks the key ${id}, which secrets in the database are sealed with: add it behind the first one (if it is lost: rotate-key --give-up ${id})`;
}

/** `sealed`: with the first key, just now. `damaged`: can be opened with no key, and stay as they are. */
export type Rotation = { readonly sealed: number; readonly damaged: number };

export type RotateOptions = {
  /** Ends it after the batch under way; what is done stays done. */
  readonly signal: AbortSignal;
  /** Nobody else uses the database. */
  readonly isAlone: boolean;
};

const batch = 500;

/**
 * Seals anew with the first key whatever is not sealed with it, in batches and beside hubs that work; then the other keys
 * are in use no more. Repeats itself until nothing is left, since hubs go on writing. Throws SettingsError without a key,
 * when hubs do not use the first one yet, which could then not open what it seals, and when a key is missing.
 */
export async function rotateSecrets(
  store: SecretStoreBeside,
  secrets: SecretKeys,
  { signal, isAlone }: RotateOptions,
): Promise<Rotation> {
  const [first] = secrets.ids;
  if (first === undefined) throw new SettingsError(["CARILLON_SECRET_KEY is not set: there is no key to seal with"]);
  const former = await store.listKeys();
  if (isAlone) await store.addKey(first);
  else if (!former.includes(first))
    throw new SettingsError([
      `no hub has started with the first key of CARILLON_SECRET_KEY, ${first}: restart all of them with it, then rotate`,
    ]);
  let sealed = 0;
  for (;;) {
    const { changed, damaged, missing } = await passOver(store, secrets, signal);
    sealed += changed;
    if (changed > 0 && !signal.aborted) continue;
    if (missing.size > 0) throw new SettingsError([...missing].map(tellMissing));
    if (!signal.aborted) await store.removeKeys(former.filter((id) => id !== first));
    return { sealed, damaged };
  }
}

type Pass = { changed: number; damaged: number; readonly missing: Set<string> };

/** Intents first: what becomes a subscription meanwhile is then met there. */
async function passOver(store: SecretStoreBeside, secrets: SecretKeys, signal: AbortSignal): Promise<Pass> {
  const pass: Pass = { changed: 0, damaged: 0, missing: new Set() };
  for (const table of ["intents", "subscriptions"] as const) await passOverTable(store, secrets, table, pass, signal);
  return pass;
}

async function passOverTable(
  store: SecretStoreBeside,
  secrets: SecretKeys,
  table: SecretTable,
  pass: Pass,
  signal: AbortSignal,
): Promise<void> {
  let last: KeptSecret | undefined;
  do {
    const kept = await store.listSecrets(table, last?.id ?? 0, batch);
    const changes = kept.flatMap((one) => sealAnew(one, secrets, pass));
    if (changes.length > 0) pass.changed += await store.changeSecrets(table, changes);
    last = kept.at(-1);
  } while (last !== undefined && !signal.aborted);
}

function sealAnew(kept: KeptSecret, secrets: SecretKeys, pass: Pass): readonly SecretChange[] {
  const [first = ""] = secrets.ids;
  if (kept.secret.startsWith(sealedWith(first))) return [];
  const opened = secrets.open(kept.secret, kept);
  switch (opened.kind) {
    case "opened":
      return [{ id: kept.id, from: kept.secret, to: secrets.seal(opened.secret, kept) }];
    case "unknown_key":
      pass.missing.add(opened.keyId);
      return [];
    case "damaged":
      pass.damaged += 1;
      return [];
  }
}
