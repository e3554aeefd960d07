import { createCipheriv, createDecipheriv, createHash, type KeyObject, randomBytes } from "node:crypto";

import type { OpenedSecret, Pair, Secrets } from "./model/secret.ts";

/** The keys that are known, and what is kept with them. */
export type SecretKeys = Secrets & {
  /** The first one seals. None: nothing is sealed. */
  readonly ids: readonly string[];
};

// sealed:VERSION:KEY:DATA, the data being nonce, ciphertext and tag. A plain secret that looks like either is marked.
const sealed = "sealed:";
const plain = "plain:";
const version = "1";
const nonceBytes = 12;
const tagBytes = 16;
const idDigits = 8;

/**
 * Keeps secrets sealed with AES-256-GCM: the first key seals, all of them open. Nonces are random: with one key some four
 * thousand million secrets may be sealed. Without keys they are kept as they are.
 */
export function createSecrets(keys: readonly KeyObject[]): SecretKeys {
  const known = new Map(keys.map((key) => [idOf(key), key]));
  const [first] = known;
  const open = (kept: string, pair: Pair) => openWith(known, kept, pair);
  return {
    ids: [...known.keys()],
    seal: (secret, pair) => (first === undefined ? mark(secret) : sealWith(first, secret, pair)),
    open,
    isSame(one, other, pair) {
      if (one === other) return true;
      const [ours, theirs] = [open(one, pair), open(other, pair)];
      return ours.kind === "opened" && theirs.kind === "opened" && ours.secret === theirs.secret;
    },
  };
}

/** How every secret begins that is sealed with this key. */
export function sealedWith(keyId: string): string {
  return `${sealed}${version}:${keyId}:`;
}

/** Names a key, and tells nothing of it. */
function idOf(key: KeyObject): string {
  return createHash("sha256").update("carillon secret key").update(key.export()).digest("hex").slice(0, idDigits);
}

function mark(secret: string): string {
  return secret.startsWith(sealed) || secret.startsWith(plain) ? plain + secret : secret;
}

function sealWith([id, key]: readonly [string, KeyObject], secret: string, pair: Pair): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes }).setAAD(meaningOf(pair));
  const parts = [nonce, cipher.update(secret, "utf8"), cipher.final(), cipher.getAuthTag()];
  return sealedWith(id) + Buffer.concat(parts).toString("base64url");
}

function openWith(keys: ReadonlyMap<string, KeyObject>, kept: string, pair: Pair): OpenedSecret {
  if (kept.startsWith(plain)) return { kind: "opened", secret: kept.slice(plain.length) };
  if (!kept.startsWith(sealed)) return { kind: "opened", secret: kept };
  const [, found, keyId = "", data = ""] = kept.split(":");
  const key = keys.get(keyId);
  if (found !== version) return { kind: "damaged" };
  if (key === undefined) return { kind: "unknown_key", keyId };
  return decipher(key, Buffer.from(data, "base64url"), pair);
}

function decipher(key: KeyObject, data: Buffer, pair: Pair): OpenedSecret {
  try {
    const nonce = data.subarray(0, nonceBytes);
    const opening = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes })
      .setAAD(meaningOf(pair))
      .setAuthTag(data.subarray(-tagBytes));
    const secret = opening.update(data.subarray(nonceBytes, -tagBytes), undefined, "utf8") + opening.final("utf8");
    return { kind: "opened", secret };
  } catch {
    return { kind: "damaged" };
  }
}

/** It is sealed together with the secret, so that nobody who can write to the database gives it to somebody else. */
function meaningOf({ topic, callback }: Pair): Buffer {
  return Buffer.from(JSON.stringify([topic, callback]));
}
