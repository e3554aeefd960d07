import fc from "fast-check";

import { commandsOf } from "./commands.ts";
import { quiesce } from "./finale.ts";
import { openScene } from "./scene.ts";

/** Longer sequences find no more faults a second, and what they find is harder to read. */
const maxCommands = 30;

const policy = fc.constantFrom("latest", "every");
const options = fc.record({
  policies: fc.tuple(policy, policy),
  limits: fc.record({
    perOrigin: fc.constantFrom(64, 64, 1),
    total: fc.constantFrom(1000, 1000, 2),
    fetchMinIntervalSeconds: fc.constantFrom(0, 1),
    delaysMs: fc.constantFrom([5000, 60_000], [5000, 60_000], [5000, 36_000_000]),
  }),
});

/** Whatever happens, in whatever order, every delivery promise of DESIGN 2.4 is kept. */
const promises = fc.asyncProperty(options, commandsOf(maxCommands), async (given, commands) => {
  await using scene = await openScene(given);
  await fc.asyncModelRun(() => ({ model: {}, real: scene }), commands);
  await quiesce(scene);
});

/** The first sequences of commands that a seed gives, or `only` the one of that number, from 0. */
export type Sequences = { readonly seed: number; readonly runs: number; readonly only?: number | undefined };

/** What breaks a promise, as short as it could be made, and how to see it again; nothing if all are kept. */
export async function brokenBy({ seed, runs, only }: Sequences): Promise<string | undefined> {
  const which = only === undefined ? { numRuns: runs } : { numRuns: 1, path: `${only}` };
  const { counterexample, counterexamplePath, errorInstance } = await fc.check(promises, { seed, ...which });
  if (counterexample === null) return undefined;
  const again = `npm run test:model -- --seed ${seed} --only ${counterexamplePath?.split(":")[0]}`;
  const why = errorInstance instanceof Error ? errorInstance.stack : String(errorInstance);
  return [why, await fc.asyncStringify(counterexample), `To see it again: ${again}`].join("\n\n");
}
