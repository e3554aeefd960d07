import { env } from "node:process";

import fc from "fast-check";
import { expect, test } from "vitest";

import { commandsOf } from "./commands.ts";
import { quiesce } from "./finale.ts";
import { openScene } from "./scene.ts";

/** More: CARILLON_TEST_MODEL_RUNS=50000. Others: CARILLON_TEST_MODEL_SEED, any whole number. */
const numRuns = Number(env["CARILLON_TEST_MODEL_RUNS"] ?? 400);
const seed = Number(env["CARILLON_TEST_MODEL_SEED"] ?? 20_260_101);

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

test(
  "DESIGN 2.4: whatever happens, in whatever order, every delivery promise is kept",
  { timeout: 60_000 + numRuns * 200 },
  async () => {
    const kept = fc.asyncProperty(options, commandsOf(80), async (given, commands) => {
      await using scene = await openScene(given);
      await fc.asyncModelRun(() => ({ model: {}, real: scene }), commands);
      await quiesce(scene);
    });
    await expect(fc.assert(kept, { seed, numRuns })).resolves.toBeUndefined();
  },
);
