import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Deadlines } from "../../src/work/deadlines.ts";
import { TestClock } from "../support/test-clock.ts";

const start = new Date("2026-01-01T00:00:00Z");

function openDeadlines(ms: number) {
  const clock = new TestClock(start);
  const due: (readonly [item: string, atMs: number])[] = [];
  const deadlines = new Deadlines<string>(clock, ms, (item) => due.push([item, clock.monotonicMs()]));
  return { clock, due, deadlines };
}

test("each falls due at its own time, in the order they were added", () => {
  const { clock, due, deadlines } = openDeadlines(100);

  deadlines.add("a");
  deadlines.add("b");
  clock.advance(30);
  deadlines.add("c");
  clock.advance(1000);

  expect(due).toEqual([
    ["a", 100],
    ["b", 100],
    ["c", 130],
  ]);
});

test("what has less time left falls due before what was added earlier", () => {
  const { clock, due, deadlines } = openDeadlines(100);

  deadlines.add("a");
  clock.advance(10);
  deadlines.add("b", 80);
  deadlines.add("c", 100);
  deadlines.add("d");
  expect(clock.waiting).toBe(1);
  clock.advance(1000);

  expect(due).toEqual([
    ["c", 10],
    ["b", 30],
    ["a", 100],
    ["d", 110],
  ]);
  expect(clock.waiting).toBe(0);
});

test("what was deleted does not fall due", () => {
  const { clock, due, deadlines } = openDeadlines(100);

  deadlines.add("a");
  deadlines.add("b");
  deadlines.delete("a");
  deadlines.delete("stranger");
  expect(deadlines.items).toEqual(["b"]);
  clock.advance(100);

  expect(due).toEqual([["b", 100]]);
  expect(deadlines.items).toEqual([]);
});

test("an item is there until it is deleted, cleared or due", () => {
  const { clock, deadlines } = openDeadlines(100);
  expect(deadlines.has("a")).toBe(false);

  deadlines.add("a");
  clock.advance(60);
  for (const item of ["a", "b", "c"]) deadlines.add(item);
  clock.advance(99);
  expect(["a", "b", "c", "d"].map((item) => deadlines.has(item))).toEqual([true, true, true, false]);
  deadlines.delete("b");
  expect(["a", "b", "c"].map((item) => deadlines.has(item))).toEqual([true, false, true]);
  clock.advance(1);
  expect(["a", "b", "c"].map((item) => deadlines.has(item))).toEqual([false, false, false]);

  deadlines.add("d");
  deadlines.clear();
  expect(deadlines.has("d")).toBe(false);
});

test("what is added again begins anew, behind the others", () => {
  const { clock, due, deadlines } = openDeadlines(100);

  deadlines.add("a");
  deadlines.add("b");
  clock.advance(50);
  deadlines.add("a");
  expect(deadlines.items).toEqual(["b", "a"]);
  clock.advance(1000);

  expect(due).toEqual([
    ["b", 100],
    ["a", 150],
  ]);
});

test("there is one timer, however many there are, and none when all have fallen due", () => {
  const { clock, deadlines } = openDeadlines(100);
  expect(clock.waiting).toBe(0);

  for (let i = 0; i < 1000; i += 1) {
    deadlines.add(`${i}`);
    clock.advance(0.05);
    if (i % 2 === 0) deadlines.delete(`${i}`);
    expect(clock.waiting).toBe(1);
  }
  clock.advance(100);

  expect(clock.waiting).toBe(0);
});

test("the timer of what was deleted runs out once, and is set anew for what is added then", () => {
  const { clock, due, deadlines } = openDeadlines(100);

  deadlines.add("a");
  deadlines.delete("a");
  clock.advance(60);
  deadlines.add("b");
  clock.advance(40);
  expect(clock.waiting).toBe(1);
  deadlines.delete("b");
  clock.advance(60);
  expect(clock.waiting).toBe(0);
  deadlines.add("c");
  clock.advance(100);

  expect(due).toEqual([["c", 260]]);
});

test("clear forgets all, and the timer; it can be used again", () => {
  const { clock, due, deadlines } = openDeadlines(100);

  deadlines.add("a");
  deadlines.clear();
  deadlines.clear();
  expect(clock.waiting).toBe(0);
  clock.advance(50);
  deadlines.add("b");
  clock.advance(1000);

  expect(due).toEqual([["b", 150]]);
});

test("what is added or cleared while others fall due makes none late, and leaves no timer behind", () => {
  const clock = new TestClock(start);
  const due: (readonly [item: string, atMs: number])[] = [];
  const deadlines = new Deadlines<string>(clock, 100, (item) => {
    due.push([item, clock.monotonicMs()]);
    if (item === "a") deadlines.add("again");
    if (item === "again") deadlines.clear();
  });

  deadlines.add("a");
  clock.advance(30);
  deadlines.add("b");
  clock.advance(100);
  deadlines.add("c");
  expect(clock.waiting).toBe(1);
  clock.advance(1000);

  expect(due).toEqual([
    ["a", 100],
    ["b", 130],
    ["again", 200],
  ]);
  expect(clock.waiting).toBe(0);
});

test("whatever is added and deleted, what is left falls due on time", () => {
  const step = fc.record({
    kind: fc.constantFrom("add", "add", "delete", "advance"),
    item: fc.constantFrom("a", "b", "c", "d"),
    ms: fc.nat(60),
    elapsedMs: fc.constantFrom(0, 0, 40, 70),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { clock, due, deadlines } = openDeadlines(100);
      const left = new Map<string, number>();
      const expected: (readonly [string, number])[] = [];
      function fallDue(): void {
        for (const [item, atMs] of [...left].toSorted(([, a], [, b]) => a - b)) {
          if (atMs > clock.monotonicMs()) continue;
          expected.push([item, atMs]);
          left.delete(item);
        }
      }
      for (const { kind, item, ms, elapsedMs } of steps) {
        if (kind === "add") {
          deadlines.add(item, elapsedMs);
          left.delete(item);
          left.set(item, clock.monotonicMs() + 100 - elapsedMs);
        } else if (kind === "delete") {
          deadlines.delete(item);
          left.delete(item);
        } else {
          clock.advance(ms);
          fallDue();
        }
      }
      clock.advance(100);
      fallDue();
      expect(due).toEqual(expected);
      expect(clock.waiting).toBe(0);
    }),
  );
});
