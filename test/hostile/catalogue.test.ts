import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Vitals } from "../support/vitals.ts";
import { answers, tryHub } from "./catalogue.ts";
import { floods } from "./floods.ts";
import { requests } from "./requests.ts";
import { topics } from "./topics.ts";
import { verifications } from "./verifications.ts";

// One hub, which takes it all, and stays well. How fast it answers meanwhile: npm run bench -- catalogue.

const mostMb = 300;
let results: ReadonlyMap<object, unknown> = new Map();
let vitals: Vitals | undefined;

beforeAll(async () => {
  ({ results, vitals } = await tryHub());
}, 180_000);

afterAll(() => {
  results = new Map();
});

describe("what is sent to the hub", () => {
  test.each(requests)("$what", (each) => {
    expect(results.get(each)).toEqual(each.expect);
  });
});

describe("what a callback answers when it is asked", () => {
  test.each(verifications)("$what", (each) => {
    expect(results.get(each)).toBe(each.expect);
  });
});

describe("what a topic is", () => {
  test.each(topics)("$what", (each) => {
    const { failed, ...delivered } = { failed: undefined, ...each.expect };
    const { failed: reason = "", ...came } = results.get(each) as { readonly failed?: string };
    expect(came).toMatchObject(delivered);
    expect(reason).toMatch(failed ?? /^$/);
  });
});

describe("what a subscriber answers to a delivery", () => {
  test.each(answers)("$what", (each) => {
    expect(results.get(each)).toBe(each.isSuccess ? "delivered" : "tried again");
  });
});

describe("what is too much", () => {
  test.each(floods)("$what", (each) => {
    expect(results.get(each)).toBe("borne");
  });
});

test("these are 150 at least, no two alike", () => {
  const all = [requests, verifications, topics, answers, floods].map((family) => family.map(({ what }) => what));
  for (const family of all) expect(new Set(family).size).toBe(family.length);
  expect(all.flat().length).toBeGreaterThanOrEqual(150);
});

test("through all of it the hub says that it is well, whenever it is asked", () => {
  expect(vitals?.asked).toBeGreaterThan(20);
});

test("through all of it the hub takes less than 300 MB", () => {
  expect(vitals?.mostMb).toBeLessThan(mostMb);
});
