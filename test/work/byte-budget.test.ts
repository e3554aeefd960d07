import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ByteBudget, type Share } from "../../src/work/byte-budget.ts";
import { TestClock } from "../support/test-clock.ts";

const MB = 1024 * 1024;

function open(most: { readonly medium: number; readonly large: number } = { medium: 8 * MB, large: 20 * MB }) {
  const clock = new TestClock(new Date("2026-01-01T00:00:00Z"));
  const budget = new ByteBudget(clock, most);
  return { clock, budget };
}

/** What has been granted so far, by name. */
async function watch(log: string[], name: string, share: Share, bytes: number, ms = 1000, signal?: AbortSignal) {
  log.push(`${name} ${await share.hold(bytes, ms, signal)}`);
}

test("bodies that fit go at once, the next when one is done", async () => {
  const { budget } = open();
  const [a, b, c] = ["a", "b", "c"].map((owner) => budget.open(owner)) as [Share, Share, Share];
  expect([a.tryHold(10 * MB), b.tryHold(10 * MB), c.tryHold(10 * MB)]).toEqual([true, true, false]);
  const log: string[] = [];
  const waiting = watch(log, "c", c, 10 * MB);
  a[Symbol.dispose]();
  await waiting;
  expect(log).toEqual(["c true"]);
});

test("they go in the order in which they asked; who comes later does not pass, though it would fit", async () => {
  const { budget } = open();
  const [a, b, c, d] = ["a", "b", "c", "d"].map((owner) => budget.open(owner)) as [Share, Share, Share, Share];
  a.tryHold(15 * MB);
  const log: string[] = [];
  const waiting = [watch(log, "b", b, 10 * MB), watch(log, "c", c, 2 * MB)];
  expect(d.tryHold(2 * MB)).toBe(false);
  a[Symbol.dispose]();
  await Promise.all(waiting);
  expect(log).toEqual(["b true", "c true"]);
});

test("an owner gets half of it for several bodies, and others pass by what waits for that", async () => {
  const { budget } = open();
  const [a, second, b] = ["a", "a", "b"].map((owner) => budget.open(owner)) as [Share, Share, Share];
  a.tryHold(6 * MB);
  const log: string[] = [];
  const waiting = watch(log, "second", second, 5 * MB);
  expect(b.tryHold(14 * MB)).toBe(true);
  b[Symbol.dispose]();
  expect(log).toEqual([]);
  a[Symbol.dispose]();
  await waiting;
  expect(log).toEqual(["second true"]);
});

test("a body that is larger than all there is goes alone", async () => {
  const { budget } = open();
  const [a, b] = ["a", "b"].map((owner) => budget.open(owner)) as [Share, Share];
  expect(a.tryHold(50 * MB)).toBe(true);
  expect(b.tryHold(2 * MB)).toBe(false);
  a[Symbol.dispose]();
  expect(b.tryHold(2 * MB)).toBe(true);
});

test("those of up to 1 MiB do not wait for larger ones", () => {
  const { budget } = open();
  const [a, b, c] = ["a", "b", "c"].map((owner) => budget.open(owner)) as [Share, Share, Share];
  expect(a.tryHold(20 * MB)).toBe(true);
  expect(b.tryHold(MB + 1)).toBe(false);
  expect(c.tryHold(MB)).toBe(true);
});

test("who waits in vain holds up nobody after that", async () => {
  const { budget, clock } = open();
  const [a, b, c] = ["a", "b", "c"].map((owner) => budget.open(owner)) as [Share, Share, Share];
  const stop = new AbortController();
  a.tryHold(10 * MB);
  const log: string[] = [];
  const waiting = [watch(log, "b", b, 20 * MB), watch(log, "c", c, 20 * MB, 9999, stop.signal)];
  clock.advance(1000);
  stop.abort();
  await Promise.all(waiting);
  expect(log).toEqual(["b false", "c false"]);
  expect(c.tryHold(10 * MB)).toBe(true);
  expect(clock.waiting).toBe(0);
});

test("whatever comes and goes, there is never more than the budget but for one body, and nobody waits for ever", async () => {
  const asked = fc.record({ owner: fc.constantFrom("a", "b", "c"), bytes: fc.integer({ min: 1, max: 30 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(asked, { maxLength: 30 }), async (all) => {
      const { budget } = open({ medium: 0, large: 20 * MB });
      let sum = 0;
      let count = 0;
      const work = all.map(async ({ owner, bytes }) => {
        using share = budget.open(owner);
        const size = bytes * MB + MB + 1;
        expect(await share.hold(size, 1000)).toBe(true);
        sum += size;
        count += 1;
        expect(count === 1 || sum <= 20 * MB).toBe(true);
        await Promise.resolve();
        sum -= size;
        count -= 1;
      });
      await Promise.all(work);
    }),
  );
});
