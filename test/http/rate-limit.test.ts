import * as fc from "fast-check";
import { expect, test } from "vitest";

import { createRateLimit } from "../../src/http/rate-limit.ts";
import { TestClock } from "../support/test-clock.ts";

function open(perMinute: number, mostClients?: number) {
  const clock = new TestClock(new Date(0));
  return { clock, ...createRateLimit(clock, perMinute, mostClients) };
}

function times(count: number, take: () => number): readonly number[] {
  return Array.from({ length: count }, take);
}

test.each([1, 7, 600, 601, 1_000_000])("%i a minute can come all at once, and not one more", (perMinute) => {
  const { take } = open(perMinute);
  expect(Math.max(...Array.from({ length: perMinute }, () => take("a")).slice(-1000))).toBe(0);
  expect(take("a")).toBeCloseTo(60_000 / perMinute);
  expect(take("b")).toBe(0);
});

test("who has used its share may ask again as a part of a minute has passed", () => {
  const { clock, take } = open(6);
  times(6, () => take("a"));
  clock.advance(9_000);
  expect(take("a")).toBeCloseTo(1000);
  clock.advance(1_000);
  expect(times(2, () => take("a"))).toEqual([0, 10_000]);
  clock.advance(60_000);
  expect(times(7, () => take("a"))).toEqual([0, 0, 0, 0, 0, 0, 10_000]);
});

test("0 is no limit", () => {
  const { take } = open(0);
  expect(new Set(times(10_000, () => take("a")))).toEqual(new Set([0]));
});

test("in no minute whatever a client gets more than twice its share, and in the long run its share", () => {
  const waits = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 200 });
  fc.assert(
    fc.property(waits, (pauses) => {
      const { clock, take } = open(10);
      const taken: number[] = [];
      for (const pause of pauses) {
        clock.advance(pause);
        if (take("a") === 0) taken.push(clock.monotonicMs());
      }
      const worst = Math.max(
        0,
        ...taken.map((at) => taken.filter((other) => other >= at && other < at + 60_000).length),
      );
      expect(worst).toBeLessThanOrEqual(20);
      expect(taken.length).toBeLessThanOrEqual(10 + clock.monotonicMs() / 6000 + 1);
    }),
  );
});

test("a crowd of others makes nobody forgotten who is within the number remembered", () => {
  const { clock, take } = open(1, 100);
  take("a");
  for (let i = 0; i < 99; i += 1) take(`other ${i}`);
  expect(take("a")).toBe(60_000);
  clock.advance(59_999);
  for (let i = 0; i < 99; i += 1) take(`another ${i}`);
  expect(take("a")).toBe(1);
});
