import { expect, test } from "vitest";

import { missedMs } from "../src/model/gap.ts";

test("gaps that several nodes tell of count once, and none for longer than it is made up for", () => {
  const at = (ms: number) => new Date(ms);
  const gaps = [
    { from: at(0), until: at(100) },
    { from: at(300), until: at(400) },
    { from: at(310), until: at(390) },
    { from: at(350), until: at(420) },
  ];
  expect(missedMs(gaps, at(500), 1000)).toBe(220);
  expect(missedMs(gaps, at(500), 281)).toBe(220); // lived since the first: 80 + 200
  expect(missedMs(gaps, at(500), 280)).toBe(120);
  expect(missedMs(gaps, at(500), 80)).toBe(0);
});
