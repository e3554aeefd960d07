import { expect, test } from "vitest";

import { Moments } from "../src/work/moments.ts";
import { TestClock } from "./support/test-clock.ts";

function openMoments() {
  const clock = new TestClock(new Date("2026-01-01T00:00:00Z"));
  const moments = new Moments(clock, 50);
  const calls: string[] = [];
  const wait = (name: string) => moments.next(() => calls.push(name));
  return { clock, moments, calls, wait };
}

test("whoever waits is called at the next moment, all by one timer", () => {
  const { clock, calls, wait } = openMoments();
  clock.advance(70);
  wait("a");
  clock.advance(20);
  wait("b");
  expect(clock.waiting).toBe(1);
  clock.advance(9);
  expect(calls).toEqual([]);
  clock.advance(1);
  expect(calls).toEqual(["a", "b"]);
  expect(clock.waiting).toBe(0);
});

test("whoever waits again during a moment waits for the next one", () => {
  const { clock, moments } = openMoments();
  let count = 0;
  const again = () => {
    count += 1;
    moments.next(again);
  };
  moments.next(again);
  for (const expected of [1, 2, 3]) {
    clock.advance(50);
    expect(count).toBe(expected);
  }
});

test("the same function twice is called once, and not at all when it was called off", () => {
  const { clock, moments } = openMoments();
  const calls: string[] = [];
  const twice = () => calls.push("twice");
  moments.next(twice);
  moments.next(twice);
  const callOff = moments.next(() => calls.push("called off"));
  callOff();
  clock.advance(50);
  expect(calls).toEqual(["twice"]);
});
