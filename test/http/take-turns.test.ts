import { setImmediate } from "node:timers/promises";

import { expect, test } from "vitest";

import { createTakeTurns } from "../../src/http/take-turns.ts";

test("of a crowd 256 are handled in one turn of the event loop, in order; whoever comes meanwhile is next", async () => {
  const takeTurns = createTakeTurns();
  const handled: number[] = [];
  const come = (count: number, first: number) => {
    for (let i = 0; i < count; i += 1) takeTurns(() => void handled.push(first + i));
  };

  come(600, 0);
  const counts = [handled.length];
  await setImmediate();
  counts.push(handled.length);
  come(100, 600);
  for (let turn = 0; turn < 3; turn += 1) {
    await setImmediate();
    counts.push(handled.length);
  }

  expect(counts).toEqual([256, 512, 700, 700, 700]);
  expect(handled).toEqual(Array.from({ length: 700 }, (_, i) => i));
});

test("who comes alone is handled at once, in every turn", async () => {
  const takeTurns = createTakeTurns();
  for (let turn = 0; turn < 300; turn += 1) {
    let isHandled = false;
    takeTurns(() => (isHandled = true));
    expect(isHandled).toBe(true);
    if (turn % 100 === 0) await setImmediate();
  }
});
