import fc from "fast-check";
import { expect, test } from "vitest";

import {
  countAttempt,
  isTripped,
  openBreaker,
  type Recent,
  settleProbe,
  startRecent,
} from "../src/distribute/breaker.ts";
import type { HostSign } from "../src/distribute/host-sign.ts";

const lost: readonly HostSign[] = ["unreachable", "timeout"];
const heard: readonly HostSign[] = ["welcome", "answer", "strain"];
const signs: readonly HostSign[] = [...lost, ...heard, "broken", "none"];
const second = 1000;
const longestPauseMs = 600 * second;

type Attempt = { readonly sign: HostSign; readonly atMs: number };

/** Attempts in order of time: in bursts, and with gaps about as long as what is remembered. */
const attempts: fc.Arbitrary<readonly Attempt[]> = fc
  .array(
    fc.record({
      sign: fc.constantFrom(...signs),
      afterMs: fc.oneof(
        { weight: 4, arbitrary: fc.integer({ min: 0, max: 5 * second }) },
        fc.integer({ min: 25 * second, max: 65 * second }),
        fc.constantFrom(30 * second - 1, 30 * second, 60 * second - 1, 60 * second),
      ),
    }),
    { minLength: 1, maxLength: 100 },
  )
  .map((steps) => {
    let atMs = 0;
    return steps.map(({ sign, afterMs }) => ({ sign, atMs: (atMs += afterMs) }));
  });

function remember(history: readonly Attempt[]): Recent {
  return history.reduce((recent, { sign, atMs }) => countAttempt(recent, sign, atMs), startRecent(0));
}

function isTrippedBy(counts: Readonly<Partial<Record<HostSign, number>>>): boolean {
  const shown = signs.flatMap((sign) => Array.from({ length: counts[sign] ?? 0 }, () => ({ sign, atMs: 0 })));
  return isTripped(remember(shown));
}

test("§7 a breaker opens only when at least ten attempts were made, and more than half of them lost", () => {
  const counts = fc.record({
    unreachable: fc.nat(15),
    timeout: fc.nat(15),
    welcome: fc.nat(15),
    answer: fc.nat(5),
    strain: fc.nat(5),
    broken: fc.nat(5),
  });
  fc.assert(
    fc.property(counts, (made) => {
      const all = Object.values(made).reduce((sum, count) => sum + count, 0);
      const failed = made.unreachable + made.timeout;
      expect(isTrippedBy(made)).toBe(all >= 10 && failed > all / 2);
    }),
  );
});

test.each([
  { what: "9 that were refused", counts: { unreachable: 9 }, opens: false },
  { what: "10 that were refused", counts: { unreachable: 10 }, opens: true },
  { what: "10 that timed out", counts: { timeout: 10 }, opens: true },
  { what: "6 of 11 lost", counts: { timeout: 3, unreachable: 3, welcome: 5 }, opens: true },
  { what: "5 of 10 lost", counts: { unreachable: 5, welcome: 5 }, opens: false },
  { what: "1000 answers of 503", counts: { strain: 1000 }, opens: false },
  { what: "1000 answers of 404", counts: { answer: 1000 }, opens: false },
  { what: "1000 that spoke no HTTP", counts: { broken: 1000 }, opens: false },
])("§7 $what: the breaker opens: $opens", ({ counts, opens }) => {
  expect(isTrippedBy(counts)).toBe(opens);
});

test("§7 faults of our own never count, neither for a host nor against it", () => {
  fc.assert(
    fc.property(attempts, (history) => {
      const without = history.filter(({ sign }) => sign !== "none");
      expect(remember(history)).toEqual(remember(without));
    }),
  );
  expect(isTrippedBy({ none: 1000 })).toBe(false);
  expect(isTrippedBy({ none: 1000, unreachable: 10 })).toBe(true);
});

test("§7 what counts are all attempts of the last 30 s, and none older than 60 s", () => {
  fc.assert(
    fc.property(attempts, (history) => {
      const shown = history.filter(({ sign }) => sign !== "none");
      const { now, before } = remember(shown);
      const endMs = shown.at(-1)?.atMs ?? 0;
      const since = (ms: number) => shown.filter(({ atMs }) => endMs - atMs <= ms);
      const lostOf = (some: readonly Attempt[]) => some.filter(({ sign }) => lost.includes(sign)).length;
      expect(now.attempts + before.attempts).toBeGreaterThanOrEqual(since(30 * second - 1).length);
      expect(now.attempts + before.attempts).toBeLessThanOrEqual(since(60 * second).length);
      expect(now.lost + before.lost).toBeGreaterThanOrEqual(lostOf(since(30 * second - 1)));
      expect(now.lost + before.lost).toBeLessThanOrEqual(lostOf(since(60 * second)));
    }),
  );
  const refused = (count: number, atMs: number) =>
    Array.from({ length: count }, () => ({ sign: "unreachable", atMs }) as const);
  expect(isTripped(remember([...refused(9, 28_500), ...refused(1, 58_499)]))).toBe(true);
  expect(isTripped(remember([...refused(9, 0), ...refused(1, 60_001)]))).toBe(false);
});

test("§7 an open breaker sends its first probe after 30 s; each that fails doubles that, to ten minutes at most", () => {
  let breaker = openBreaker(7);
  const pauses = [breaker.untilMs - 7];
  for (const sign of [...lost, "broken", ...lost, "broken", "timeout"] as const) {
    const nowMs = breaker.untilMs + 123;
    breaker = settleProbe(breaker, sign, nowMs) ?? breaker;
    pauses.push(breaker.untilMs - nowMs);
  }
  expect(pauses.map((ms) => ms / second)).toEqual([30, 60, 120, 240, 480, 600, 600, 600]);
});

test("§7 a probe that shows nothing keeps the pause as it was", () => {
  const trips = fc.integer({ min: 1, max: 1_000_000 });
  fc.assert(
    fc.property(trips, fc.integer({ min: 0, max: 1e12 }), (before, nowMs) => {
      const kept = settleProbe({ trips: before, untilMs: nowMs }, "none", nowMs);
      const longer = settleProbe({ trips: before, untilMs: nowMs }, "unreachable", nowMs);
      expect(kept?.trips).toBe(before);
      expect(kept?.untilMs).toBe(nowMs + Math.min(longestPauseMs, 30 * second * 2 ** (before - 1)));
      expect(longer?.trips).toBe(before + 1);
      expect(longer?.untilMs).toBe(nowMs + Math.min(longestPauseMs, 30 * second * 2 ** before));
    }),
  );
});

test("§7 any status closes it", () => {
  for (const sign of heard) expect(settleProbe({ trips: 9, untilMs: 0 }, sign, 1)).toBeUndefined();
});
