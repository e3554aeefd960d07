import fc from "fast-check";
import { expect, test } from "vitest";

import type { HostSign } from "../src/distribute/host-sign.ts";
import { nextPace, type Pace, startPace } from "../src/distribute/pace.ts";

const growing: readonly HostSign[] = ["welcome", "answer"];
const halving: readonly HostSign[] = ["strain", "timeout"];
const idle: readonly HostSign[] = ["unreachable", "broken", "none"];

/** What an attempt has shown, so long after the one before, and whether the origin was at its full pace. */
type Shown = { readonly sign: HostSign; readonly isFull: boolean; readonly afterMs: number };

const shown: fc.Arbitrary<Shown> = fc.record({
  // Mostly growth, or no pace would ever get far from the slowest.
  sign: fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...growing) }, fc.constantFrom(...halving, ...idle)),
  isFull: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
  afterMs: fc.oneof(fc.integer({ min: 0, max: 100 }), fc.constantFrom(999, 1000, 5000)),
});
const fastest = fc.integer({ min: 1, max: 200 });

type Step = Shown & { readonly before: Pace; readonly after: Pace; readonly nowMs: number };

function walk(most: number, history: readonly Shown[]): readonly Step[] {
  let pace = startPace(most);
  let nowMs = 0;
  return history.map((one) => {
    const before = pace;
    nowMs += one.afterMs;
    pace = nextPace(before, one.sign, { isFull: one.isFull, nowMs, fastest: most });
    return { ...one, before, after: pace, nowMs };
  });
}

function forAllSteps(check: (step: Step, most: number) => void): void {
  const history = fc.array(shown, { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(fastest, history, (most, shownOnes) => walk(most, shownOnes).forEach((one) => check(one, most))),
  );
}

function slowest(most: number): number {
  return Math.min(4, most);
}

function repeat(sign: HostSign, times: number, afterMs = 0): readonly Shown[] {
  return Array.from({ length: times }, () => ({ sign, isFull: true, afterMs }));
}

function limitAfter(most: number, ...histories: readonly (readonly Shown[])[]): number {
  return Math.floor(walk(most, histories.flat()).at(-1)?.after.limit ?? 0);
}

test("§7 a pace begins with 4, and is never below that nor above CARILLON_HOST_CONCURRENCY, which rules where it is less", () => {
  for (const most of [1, 2, 3, 4, 5, 64]) expect(startPace(most).limit).toBe(slowest(most));
  forAllSteps(({ after }, most) => {
    expect(after.limit).toBeGreaterThanOrEqual(slowest(most));
    expect(after.limit).toBeLessThanOrEqual(most);
  });
});

test("§7 a pace grows with nothing but answers, as long as all of it is used, and by one at most", () => {
  forAllSteps(({ before, after, sign, isFull }) => {
    if (after.limit <= before.limit) return;
    expect(growing).toContain(sign);
    expect(isFull).toBe(true);
    expect(after.limit).toBeLessThanOrEqual(before.limit + 1);
  });
});

test("§7 below its threshold a pace grows by one with every answer, beyond it by one with every full round of answers", () => {
  forAllSteps(({ before, after, sign, isFull }, most) => {
    if (!growing.includes(sign) || !isFull) return;
    const step = before.limit < before.threshold ? 1 : 1 / before.limit;
    expect(after.limit).toBeCloseTo(Math.min(most, before.limit + step), 9);
  });
  expect(limitAfter(64, repeat("answer", 60))).toBe(64);
  const halved = [...repeat("welcome", 60), ...repeat("strain", 1)];
  expect(limitAfter(64, halved)).toBe(32);
  expect(limitAfter(64, halved, repeat("welcome", 32))).toBe(32);
  expect(limitAfter(64, halved, repeat("welcome", 33))).toBe(33);
});

test("§7 a pace falls on 429, 5xx and timeouts only: to the half, once a second at most", () => {
  fc.assert(
    fc.property(fastest, fc.array(shown, { maxLength: 300 }), (most, history) => {
      let halvedAtMs = -Infinity;
      for (const { before, after, sign, nowMs } of walk(most, history)) {
        const falls = halving.includes(sign) && nowMs - halvedAtMs >= 1000;
        if (falls) halvedAtMs = nowMs;
        const least = falls ? Math.max(slowest(most), before.limit / 2) : before.limit;
        expect(after.limit).toBeGreaterThanOrEqual(least);
        expect(after.limit).toBeLessThanOrEqual(falls ? least : most);
      }
    }),
  );
  const fast = repeat("answer", 60);
  expect(limitAfter(64, fast, repeat("strain", 1))).toBe(32);
  expect(limitAfter(64, fast, repeat("strain", 1), repeat("timeout", 1, 999))).toBe(32);
  expect(limitAfter(64, fast, repeat("strain", 1), repeat("timeout", 1, 1000))).toBe(16);
  expect(limitAfter(64, fast, repeat("strain", 100))).toBe(32);
  expect(limitAfter(64, fast, repeat("strain", 100, 1000))).toBe(4);
});

test("§7 connections that fail, answers that are no HTTP, and faults of our own leave a pace as it is", () => {
  const change = fc.constantFrom(...idle);
  fc.assert(
    fc.property(fastest, fc.array(shown), change, fc.boolean(), (most, history, sign, isFull) => {
      const before = walk(most, history).at(-1)?.after ?? startPace(most);
      expect(nextPace(before, sign, { isFull, nowMs: 1e9, fastest: most })).toEqual(before);
    }),
  );
});
