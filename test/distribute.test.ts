import { createHmac } from "node:crypto";

import fc from "fast-check";
import { expect, test } from "vitest";

import { decideRetry, parseRetryAfter } from "../src/distribute/decide-retry.ts";
import { linkHeader, webhookId } from "../src/distribute/delivery-headers.ts";
import { chooseSignatureMethod, sign } from "../src/distribute/signature.ts";
import type { AttemptAnswer } from "../src/model/delivery.ts";
import type { Publication } from "../src/model/publication.ts";
import { signatureMethods } from "../src/model/signature-method.ts";
import type { Recipient } from "../src/model/subscription.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const HOUR_MS = 3_600_000;
const SCHEDULE = { delaysMs: [5, 60, 300, 1800, 7200, 18_000, 36_000].map((seconds) => seconds * 1000) };

const delays = fc.array(fc.integer({ min: 1, max: 100_000_000 }), { minLength: 1, maxLength: 10 });
const randomness = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const statuses = fc.integer({ min: 300, max: 599 });
const failures: fc.Arbitrary<AttemptAnswer> = fc.oneof(
  fc.record({
    kind: fc.constant("answered" as const),
    status: fc.oneof(statuses, fc.constantFrom(429, 503)),
    retryAfterSeconds: fc.option(fc.integer({ min: 0, max: 40_000_000 }), { nil: undefined }),
  }),
  fc.constant({ kind: "failed" as const, fault: "unreachable" as const, reason: "refused: no connection" }),
);

/** Milliseconds until the next attempt; undefined: given up. */
function wait(answer: AttemptAnswer, attempt: number, delaysMs: readonly number[], random: number): number | undefined {
  const decision = decideRetry(answer, attempt, NOW, { delaysMs }, random);
  return decision.next === "retry" ? decision.at.getTime() - NOW.getTime() : undefined;
}

function answered(status: number, retryAfterSeconds?: number): AttemptAnswer {
  return { kind: "answered", status, retryAfterSeconds };
}

test("§7 jitter only lengthens a wait, and by a fifth at most", () => {
  fc.assert(
    fc.property(delays, randomness, (delaysMs, random) => {
      const waits = delaysMs.map((_, index) => wait(answered(500), index + 1, delaysMs, random) ?? 0);
      waits.forEach((waited, index) => {
        const delay = delaysMs[index] ?? 0;
        expect(waited).toBeGreaterThanOrEqual(delay);
        expect(waited).toBeLessThanOrEqual(Math.ceil(delay * 1.2));
      });
    }),
  );
});

test("§7 a Retry-After never shortens a wait, and lengthens it to an hour at most", () => {
  fc.assert(
    fc.property(failures, fc.integer({ min: 1, max: 7 }), randomness, (answer, attempt, random) => {
      const without = wait(answered(500), attempt, SCHEDULE.delaysMs, random) ?? 0;
      const waited = wait(answer, attempt, SCHEDULE.delaysMs, random) ?? 0;
      expect(waited).toBeGreaterThanOrEqual(without);
      expect(waited).toBeLessThanOrEqual(Math.max(without, HOUR_MS));
    }),
  );
});

test("§7 the longer the schedule makes its delays, the longer the waits", () => {
  fc.assert(
    fc.property(failures, delays, randomness, (answer, unsorted, random) => {
      const delaysMs = unsorted.toSorted((a, b) => a - b);
      const waits = delaysMs.map((_, index) => wait(answer, index + 1, delaysMs, random) ?? 0);
      expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    }),
  );
});

test("§7 a delivery is given up when the schedule is used up, and not before; what comes after waits as long as the last did", () => {
  fc.assert(
    fc.property(failures, delays, randomness, (answer, delaysMs, random) => {
      const attempts = Array.from({ length: delaysMs.length + 3 }, (_, index) => index + 1);
      const given = attempts.filter((attempt) => wait(answer, attempt, delaysMs, random) === undefined);
      expect(given).toEqual([delaysMs.length + 1]);
      const last = wait(answer, delaysMs.length, delaysMs, random);
      expect(wait(answer, delaysMs.length + 2, delaysMs, random)).toBe(last);
    }),
  );
});

test.each([
  { status: 429, asked: 120, waited: 120_000 },
  { status: 503, asked: 120, waited: 120_000 },
  { status: 503, asked: 1, waited: 5000 },
  { status: 503, asked: 31_536_000, waited: HOUR_MS },
  { status: 500, asked: 120, waited: 5000 },
  { status: 404, asked: 120, waited: 5000 },
])("§7 $status with a Retry-After of $asked s is tried again after $waited ms", ({ status, asked, waited }) => {
  expect(wait(answered(status, asked), 1, SCHEDULE.delaysMs, 0)).toBe(waited);
});

test.each([
  { header: undefined, seconds: undefined },
  { header: "120", seconds: 120 },
  { header: "0", seconds: 0 },
  { header: "Thu, 01 Jan 2026 00:02:00 GMT", seconds: 120 },
  { header: "Wed, 31 Dec 2025 23:00:00 GMT", seconds: 0 },
  { header: "soon", seconds: undefined },
  { header: "-5", seconds: undefined },
  { header: "1.5", seconds: undefined },
  { header: "", seconds: undefined },
])("§7 Retry-After: $header means $seconds s", ({ header, seconds }) => {
  expect(parseRetryAfter(header, NOW)).toBe(seconds);
});

test("§7 no Retry-After makes a date that cannot be computed with", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.bigInt({ min: 0n, max: 10n ** 400n }).map(String)), (header) => {
      const retryAfterSeconds = parseRetryAfter(header, NOW);
      const waited = wait({ kind: "answered", status: 503, retryAfterSeconds }, 1, SCHEDULE.delaysMs, 0) ?? Number.NaN;
      expect(waited).toBeGreaterThanOrEqual(5000);
      expect(waited).toBeLessThanOrEqual(HOUR_MS);
    }),
  );
});

function recipient(more: Partial<Recipient> = {}): Recipient {
  const callback = "https://reader.example/cb";
  return { subscriptionId: 1, callback, secret: undefined, signatureMethod: undefined, generation: 0, ...more };
}

test("§7.1 the subscriber's wish goes before the operator's rule for its host, and that before the hub's method", () => {
  const byHost = [
    ["*.example", "sha512"],
    ["reader.example", "sha1"],
  ] as const;
  expect(chooseSignatureMethod(recipient(), { fallback: "sha256", byHost: [] })).toBe("sha256");
  expect(chooseSignatureMethod(recipient(), { fallback: "sha256", byHost })).toBe("sha512"); // the first match
  expect(chooseSignatureMethod(recipient({ signatureMethod: "sha384" }), { fallback: "sha256", byHost })).toBe(
    "sha384",
  );
  const elsewhere = recipient({ callback: "https://reader.test/reader.example" });
  expect(chooseSignatureMethod(elsewhere, { fallback: "sha256", byHost })).toBe("sha256");
});

test.each([
  // RFC 4231 test case 2 and RFC 2202 test case 2
  { method: "sha1", hex: "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
  { method: "sha256", hex: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
  {
    method: "sha384",
    hex: "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
  },
  {
    method: "sha512",
    hex:
      "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554" +
      "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
  },
] as const)("§7.1 $method signs as its RFC says", ({ method, hex }) => {
  expect(sign(method, "Jefe", Buffer.from("what do ya want for nothing?"))).toBe(`${method}=${hex}`);
});

test("§7.1 any secret signs any bytes, with the secret's UTF-8 bytes as the key", () => {
  const secret = fc.string({ unit: "grapheme", minLength: 1, maxLength: 199 });
  fc.assert(
    fc.property(fc.constantFrom(...signatureMethods), secret, fc.uint8Array(), (method, key, bytes) => {
      const expected = createHmac(method, Buffer.from(key, "utf8")).update(bytes).digest("hex");
      expect(sign(method, key, Buffer.from(bytes))).toBe(`${method}=${expected}`);
    }),
  );
});

const publication: Publication = {
  topicId: 1,
  seq: 7,
  topicUrl: "https://blog.example/feed",
  publishedAt: NOW,
  contentType: "text/plain",
  body: Buffer.from("news"),
  links: { hubs: [], self: undefined },
};

test("§7 a Webhook-Id depends on topic, number, date and subscription, and on nothing else", () => {
  const id = webhookId(publication, 1);
  expect(webhookId({ ...publication, body: Buffer.from("other"), contentType: "text/html", topicId: 2 }, 1)).toBe(id);
  const others = [
    webhookId({ ...publication, topicUrl: "https://blog.example/other" }, 1),
    webhookId({ ...publication, seq: 8 }, 1),
    webhookId({ ...publication, publishedAt: new Date(NOW.getTime() + 1) }, 1),
    webhookId(publication, 2),
  ];
  expect(new Set([id, ...others]).size).toBe(5);
  expect(id).toMatch(/^[\w-]{27}$/);
});

test.each([
  {
    what: "nothing advertised",
    hubs: [],
    self: undefined,
    link: ["https://blog.example/feed", "https://ours.example/"],
  },
  {
    what: "another self",
    hubs: [],
    self: "https://blog.example/canonical",
    link: ["https://blog.example/canonical", "https://ours.example/"],
  },
  {
    what: "somebody else's hub",
    hubs: ["https://theirs.example/"],
    self: undefined,
    link: ["https://blog.example/feed", "https://theirs.example/"],
  },
  {
    what: "several hubs and ours among them",
    hubs: ["https://theirs.example/", "https://ours.example/hub"],
    self: undefined,
    link: ["https://blog.example/feed", "https://ours.example/hub"],
  },
])("§7 the Link header with $what", ({ hubs, self, link: [selfUrl, hubUrl] }) => {
  const policy = {
    hubUrl: "https://ours.example/",
    ourUrls: ["https://ours.example/", "https://ours.example/hub"],
    userAgent: "",
    signatures: { fallback: "sha256", byHost: [] },
  } as const;
  const expected = `<${selfUrl}>; rel="self", <${hubUrl}>; rel="hub"`;
  expect(linkHeader({ ...publication, links: { hubs, self } }, policy)).toBe(expected);
});
