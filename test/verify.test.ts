import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { VerificationAnswer } from "../src/model/intent.ts";
import type { OutboundAnswer } from "../src/outbound/outbound.ts";
import { appendToCallback } from "../src/verify/callback-url.ts";
import { decideIntent } from "../src/verify/decide-intent.ts";
import { isEcho, readVerificationAnswer } from "../src/verify/read-answer.ts";

describe("§5.3 decideIntent", () => {
  const sentAt = new Date("2026-01-01T00:00:00Z");
  const now = new Date("2026-01-01T00:00:05Z");
  const decide = (answer: VerificationAnswer, attempt: number, startAt = sentAt) =>
    decideIntent(answer, { attempts: attempt - 1, startAt }, sentAt, now, [10_000, 60_000]);

  test("a confirmation applies, from when the request was sent", () => {
    expect(decide({ kind: "confirmed" }, 3)).toEqual({ next: "apply", verifiedAt: sentAt });
  });

  test("a refusal is final at once", () => {
    expect(decide({ kind: "refused", detail: "404" }, 1)).toEqual({ next: "drop", reason: "404" });
  });

  test.each([
    { attempt: 1, decision: { next: "retry", attempts: 1, at: new Date("2026-01-01T00:00:15Z") } },
    { attempt: 2, decision: { next: "retry", attempts: 2, at: new Date("2026-01-01T00:01:05Z") } },
    { attempt: 3, decision: { next: "drop", reason: "gave up: 503" } },
    { attempt: 4, decision: { next: "drop", reason: "gave up: 503" } },
  ])("without an answer, try $attempt leads to $decision.next", ({ attempt, decision }) => {
    expect(decide({ kind: "unavailable", detail: "503" }, attempt)).toEqual(decision);
  });

  test.each([1, 2, 3, 4])(
    "hindered by a fault of our own, try %d is no try: the next one comes after 60 s",
    (attempt) => {
      const decision = decide({ kind: "hindered", detail: "EMFILE" }, attempt, new Date("2025-12-31T00:00:05.001Z"));
      expect(decision).toEqual({ next: "retry", attempts: attempt - 1, at: new Date("2026-01-01T00:01:05Z") });
    },
  );

  test.each([
    { attempt: 1, decision: { next: "retry", attempts: 1, at: new Date("2026-01-01T00:00:15Z") } },
    { attempt: 2, decision: { next: "retry", attempts: 2, at: new Date("2026-01-01T00:01:05Z") } },
    { attempt: 3, decision: { next: "drop", reason: "gave up: EMFILE" } },
  ])("once the intent is a day old, a hindered try counts like any other: $attempt", ({ attempt, decision }) => {
    const dayBefore = new Date("2025-12-31T00:00:05Z");
    expect(decide({ kind: "hindered", detail: "EMFILE" }, attempt, dayBefore)).toEqual(decision);
  });
});

describe("§5.1.1 appendToCallback", () => {
  test.each([
    ["http://a.example", "http://a.example?m=1"],
    ["http://a.example/cb", "http://a.example/cb?m=1"],
    ["http://a.example/cb?", "http://a.example/cb?m=1"],
    ["http://a.example/cb?a", "http://a.example/cb?a&m=1"],
    ["http://a.example/cb?a=1&", "http://a.example/cb?a=1&&m=1"],
    ["http://a.example/cb?a?", "http://a.example/cb?a?&m=1"],
    ["http://a.example/cb?m=0", "http://a.example/cb?m=0&m=1"],
  ])("to %s: %s", (callback, expected) => {
    expect(appendToCallback(callback, { m: "1", none: undefined })).toBe(expected);
  });

  test("keeps the callback byte for byte in front, and a receiver reads the parameters behind its own", () => {
    const unit = fc.constantFrom(..."ab%7E2F?&=+'~/;:@!$*,é".split(""));
    const value = fc.string({ unit: "binary" }).map((text) => text.toWellFormed());
    fc.assert(
      fc.property(fc.string({ unit }), value, value, (tail, topic, token) => {
        const callback = `http://a.example/${tail}`;
        const url = appendToCallback(callback, { "hub.topic": topic, none: undefined, "hub.verify_token": token });
        expect(url.startsWith(callback)).toBe(true);
        const own = [...new URL(callback).searchParams];
        const read = [...new URL(url).searchParams];
        expect(read).toEqual([...own, ["hub.topic", topic], ["hub.verify_token", token]]);
      }),
    );
  });

  test("adds nothing that could break a request line", () => {
    const value = fc.string({ unit: "binary" }).map((text) => text.toWellFormed());
    fc.assert(
      fc.property(value, (text) => {
        expect(appendToCallback("http://a.example/", { m: text })).toMatch(/^[!-~]+$/);
      }),
    );
  });
});

describe("§5.3.1 isEcho", () => {
  const challenge = fc.stringMatching(/^[\w-]{43}$/);
  const space = fc.string({ unit: fc.constantFrom(" ", "\t", "\r", "\n"), maxLength: 5 });

  test("white space around the challenge and one pair of double quotes mean nothing", () => {
    fc.assert(
      fc.property(challenge, space, space, fc.constantFrom("", '"'), (wanted, before, after, mark) => {
        expect(isEcho(Buffer.from(before + mark + wanted + mark + after), wanted)).toBe(true);
      }),
    );
  });

  test("anything else beside the challenge, or in its place, does", () => {
    const word = fc.string({ minLength: 1 }).filter((text) => text.trim() !== "" && text.trim() !== '"');
    fc.assert(
      fc.property(challenge, word, (wanted, other) => {
        for (const body of [wanted + other, other + wanted, other, `"${wanted}`, `""${wanted}""`, `" ${wanted}"`]) {
          expect(isEcho(Buffer.from(body), wanted)).toBe(false);
        }
      }),
    );
  });

  test("bytes that are no text are no echo", () => {
    expect(isEcho(Buffer.from([0xff, 0xfe]), "ab")).toBe(false);
  });
});

describe("§5.3.1 readVerificationAnswer", () => {
  const answered = (status: number, body = "abc", complete = true): OutboundAnswer => ({
    kind: "answered",
    status,
    headers: {},
    body: Buffer.from(body),
    complete,
  });

  test.each([
    { answer: answered(200), kind: "confirmed" },
    { answer: answered(299), kind: "confirmed" },
    { answer: answered(200, "abcd"), kind: "refused" },
    { answer: answered(200, "abc", false), kind: "refused" },
    { answer: answered(300), kind: "refused" },
    { answer: answered(499), kind: "refused" },
    { answer: answered(500), kind: "unavailable" },
    { answer: answered(599), kind: "unavailable" },
  ])("$answer.status $answer.body: $kind", ({ answer, kind }) => {
    expect(readVerificationAnswer(answer, "abc").kind).toBe(kind);
  });

  test.each([
    { reason: "timeout", kind: "unavailable" },
    { reason: "broken", kind: "unavailable" },
    { reason: "tls", kind: "unavailable" },
    { reason: "forbidden", kind: "refused" },
    { reason: "unresolved", kind: "unavailable" },
    { reason: "exhausted", kind: "hindered" },
    { reason: "aborted", kind: "hindered" },
  ] as const)("no answer because of $reason: $kind", ({ reason, kind }) => {
    expect(readVerificationAnswer({ kind: "failed", reason, detail: "why" }, "abc")).toEqual({ kind, detail: "why" });
  });
});
