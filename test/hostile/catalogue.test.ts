import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { goodAnswers, refusedAnswers, unusableAnswers } from "../outbound/answers.ts";
import { type Vitals, watchVitals } from "../support/vitals.ts";
import { deliverTo } from "./deliver-to.ts";
import { flood, floods } from "./floods.ts";
import { publishFrom } from "./publish-from.ts";
import { requests } from "./requests.ts";
import { openScene, type Scene } from "./scene.ts";
import { send } from "./send.ts";
import { topics } from "./topics.ts";
import { verifications } from "./verifications.ts";
import { verifyAt } from "./verify-at.ts";

// One hub, which takes it all, and stays well.

/** Without the one that asks for a wait of two minutes. */
const told = [...goodAnswers, ...unusableAnswers].filter(({ retryAfter }) => retryAfter !== "120");
const answers = [
  ...told.map((one) => ({ ...one, isSuccess: one.status >= 200 && one.status <= 299 })),
  ...refusedAnswers.map((one) => ({ ...one, isSuccess: false })),
];
const results = new Map<object, unknown>();
const [mostMs, mostMb] = [100, 300];
/** What keeps a hub from answering does so each time; what keeps this machine from it, seldom twice. */
const tries = 3;
let vitals: Vitals | undefined;

const atOnce = 24;

/** Does to the hub what all of them say, some side by side, and keeps what came of each. */
async function tryAll<T extends object>(cases: readonly T[], one: (each: T, index: number) => Promise<unknown>) {
  const left = [...cases.entries()];
  const tryOnes = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, each] = next;
      results.set(each, await one(each, index).catch((error: unknown) => error));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, tryOnes));
}

async function tryFamilies(scene: Scene): Promise<void> {
  await tryAll(requests, (each, index) => send(scene, each, index));
  await tryAll(verifications, (each) => verifyAt(scene, each));
  await tryAll(topics, (each) => publishFrom(scene, each));
  await deliverTo(scene, answers).then((all) => all.forEach((result, i) => results.set(answers[i] ?? {}, result)));
  for (const each of floods) results.set(each, await flood(scene, each));
}

async function tryHub(): Promise<Vitals> {
  await using scene = await openScene();
  const watching = await watchVitals(scene.hub);
  await tryFamilies(scene);
  return await watching.done();
}

beforeAll(async () => {
  for (let i = 0; i < tries && (vitals === undefined || vitals.slowestMs >= mostMs); i += 1) vitals = await tryHub();
}, 180_000);

afterAll(() => results.clear());

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

test("through all of it the hub says within 100 ms that it is well, whenever it is asked", () => {
  expect(vitals?.asked).toBeGreaterThan(20);
  expect(vitals?.slowestMs).toBeLessThan(mostMs);
});

test("through all of it the hub takes less than 300 MB", () => {
  expect(vitals?.mostMb).toBeLessThan(mostMb);
});
