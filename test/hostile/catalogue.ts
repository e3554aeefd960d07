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

/** Without the one that asks for a wait of two minutes. */
const told = [...goodAnswers, ...unusableAnswers].filter(({ retryAfter }) => retryAfter !== "120");
export const answers = [
  ...told.map((one) => ({ ...one, isSuccess: one.status >= 200 && one.status <= 299 })),
  ...refusedAnswers.map((one) => ({ ...one, isSuccess: false })),
];

/** What came of each, by what was tried. */
export type Results = Map<object, unknown>;

const atOnce = 24;

/** One hub, which takes all of the catalogue. */
export async function tryHub(): Promise<{ readonly results: Results; readonly vitals: Vitals }> {
  await using scene = await openScene();
  const watching = await watchVitals(scene.hub);
  const results = await tryFamilies(scene);
  return { results, vitals: await watching.done() };
}

async function tryFamilies(scene: Scene): Promise<Results> {
  const results: Results = new Map();
  await tryAll(results, requests, (each, index) => send(scene, each, index));
  await tryAll(results, verifications, (each) => verifyAt(scene, each));
  await tryAll(results, topics, (each) => publishFrom(scene, each));
  await deliverTo(scene, answers).then((all) => all.forEach((result, i) => results.set(answers[i] ?? {}, result)));
  for (const each of floods) results.set(each, await flood(scene, each));
  return results;
}

/** Does to the hub what all of them say, some side by side. */
async function tryAll<T extends object>(
  results: Results,
  cases: readonly T[],
  one: (each: T, index: number) => Promise<unknown>,
) {
  const left = [...cases.entries()];
  const tryOnes = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, each] = next;
      results.set(each, await one(each, index).catch((error: unknown) => error));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, tryOnes));
}
