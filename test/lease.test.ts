import { expect, test } from "vitest";

import { Lease } from "../src/distribute/lease.ts";
import { TestClock } from "./support/test-clock.ts";

const start = new Date("2026-01-01T00:00:00Z");

test("DESIGN 5: a lease of 30 s covers what is sent in its first 15 s, and ages after 10", () => {
  const clock = new TestClock(start);
  const lease = new Lease(clock, 30_000);
  const seen: string[] = [];
  for (const ms of [9999, 1, 5000, 1]) {
    clock.advance(ms);
    seen.push(`${lease.isAging ? "ages" : "is young"}, ${lease.covers ? "covers" : "covers nothing"}`);
  }
  expect(seen).toEqual(["is young, covers", "ages, covers", "ages, covers", "ages, covers nothing"]);
});

test("DESIGN 5: it begins anew from when that was asked for, not from when it was granted", () => {
  const clock = new TestClock(start);
  const lease = new Lease(clock, 30_000);
  clock.advance(20_000);
  const askedMs = clock.monotonicMs();
  clock.advance(16_000);
  lease.renew(askedMs);
  expect(lease.covers).toBe(false);
  lease.renew(clock.monotonicMs());
  expect(lease.covers).toBe(true);
});

test("DESIGN 5: one without an end covers everything and never ages", () => {
  const clock = new TestClock(start);
  const lease = new Lease(clock, Infinity);
  clock.advance(1e12);
  expect([lease.covers, lease.isAging]).toEqual([true, false]);
});
