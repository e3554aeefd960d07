import { createSecretKey, randomBytes } from "node:crypto";

import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { Pair } from "../../src/model/secret.ts";
import { createSecrets } from "../../src/secrets.ts";

const pair = { topic: "https://blog.example/feed", callback: "https://reader.example/cb?token=1" };
const [one, other] = [createSecretKey(randomBytes(32)), createSecretKey(randomBytes(32))];
const ours = createSecrets([one]);
const keyless = createSecrets([]);
const [id = ""] = ours.ids;

/** Also those that look like something kept. */
const someSecret = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1 }),
  fc.tuple(fc.constantFrom("sealed:", "plain:", "sealed:1:"), fc.string()).map((parts) => parts.join("")),
  fc.string().map((secret) => ours.seal(secret, pair)),
);

test.each([
  { what: "with a key", secrets: ours },
  { what: "with the key behind another one", secrets: createSecrets([other, one]) },
  { what: "without a key", secrets: keyless },
])("every secret comes back as it was, $what", ({ secrets }) => {
  fc.assert(
    fc.property(someSecret, (secret) => {
      expect(secrets.open(secrets.seal(secret, pair), pair)).toEqual({ kind: "opened", secret });
    }),
  );
});

test("what is kept shows nothing of the secret, names the key, and is never the same twice", () => {
  const kept = Array.from({ length: 100 }, () => ours.seal("s3cret", pair));
  expect(new Set(kept).size).toBe(100);
  for (const text of kept) expect(text).toMatch(new RegExp(`^sealed:1:${id}:[\\w-]{46}$`));
  expect(id).toMatch(/^[0-9a-f]{8}$/);
  expect(createSecrets([other, one]).ids).toEqual([...createSecrets([other]).ids, id]);
});

test("what was kept without a key is opened with one, also where it looks like something sealed", () => {
  fc.assert(
    fc.property(someSecret, (secret) => {
      expect(ours.open(keyless.seal(secret, pair), pair)).toEqual({ kind: "opened", secret });
    }),
  );
});

test("all keys open, the first one seals", () => {
  const rotating = createSecrets([other, one]);
  expect(rotating.open(ours.seal("s3cret", pair), pair)).toEqual({ kind: "opened", secret: "s3cret" });
  const unknown = ours.open(rotating.seal("s3cret", pair), pair);
  expect(unknown).toEqual({ kind: "unknown_key", keyId: rotating.ids[0] });
  expect(keyless.open(ours.seal("s3cret", pair), pair)).toEqual({ kind: "unknown_key", keyId: id });
});

test.each<{ what: string; theirs: Pair }>([
  { what: "callback", theirs: { ...pair, callback: "https://reader.example/cb?token=2" } },
  { what: "topic", theirs: { ...pair, topic: "https://blog.example/other" } },
  { what: "topic and callback, exchanged", theirs: { topic: pair.callback, callback: pair.topic } },
])("a sealed secret opens for its own pair only: not for another $what", ({ theirs }) => {
  expect(ours.open(ours.seal("s3cret", pair), theirs)).toEqual({ kind: "damaged" });
});

test("a sealed secret that was changed anywhere, or cut, opens no more", () => {
  const kept = ours.seal("s3cret", pair);
  const data = kept.lastIndexOf(":") + 1;
  const bytes = Buffer.from(kept.slice(data), "base64url");
  for (const i of bytes.keys()) {
    const changed = Buffer.from(bytes);
    changed[i] = (changed[i] ?? 0) ^ 1;
    for (const some of [changed, bytes.subarray(0, i), Buffer.concat([bytes, changed.subarray(0, i + 1)])])
      expect(ours.open(kept.slice(0, data) + some.toString("base64url"), pair), `${i}`).toEqual({ kind: "damaged" });
  }
  expect(ours.open(kept.replace("sealed:1:", "sealed:2:"), pair)).toEqual({ kind: "damaged" });
});

test("kept texts are compared by what is in them", () => {
  const rotated = createSecrets([other, one]);
  const kept = [ours.seal("s3cret", pair), rotated.seal("s3cret", pair), keyless.seal("s3cret", pair)];
  for (const a of kept) for (const b of kept) expect(rotated.isSame(a, b, pair)).toBe(true);
  expect(rotated.isSame(ours.seal("s3cret", pair), ours.seal("other", pair), pair)).toBe(false);
  expect(ours.isSame(rotated.seal("s3cret", pair), rotated.seal("s3cret", pair), pair)).toBe(false);
});
