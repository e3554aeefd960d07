import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { OpenStore } from "./support.ts";
import { openWalk, type Walk } from "./walk.ts";

const seed = 20_260_101;

/** `share`: of the walks that are taken where each step costs little. */
export function describeRandomWalk(open: OpenStore, share = 1): void {
  describe("engine-protocol 4: whatever happens, in whatever order, the invariants hold", () => {
    const walks = [
      { policy: "latest", bystanders: 1, numRuns: 30, changes: false },
      { policy: "every", bystanders: 1, numRuns: 30, changes: false },
      { policy: "every", bystanders: 1, numRuns: 25, changes: true },
      { policy: "latest", bystanders: 1100, numRuns: 3, changes: false },
      { policy: "every", bystanders: 1100, numRuns: 3, changes: false },
    ] as const;

    test.each(walks)(
      "$policy, changing its policy: $changes, $bystanders bystanders",
      { timeout: 120_000 },
      async (kind) => {
        const { policy, bystanders, numRuns, changes } = kind;
        const walk = fc.asyncProperty(stepsOf(changes), async (steps) => {
          await using opened = await open();
          const walked = await openWalk(opened, policy, bystanders);
          for (const step of steps) await take(walked, step);
          // It costs as much as many steps do.
          expect(steps.length % 4 === 0 ? await opened.faults() : []).toEqual([]);
          await walked.quiesce();
        });
        // Shrinking a failure may take for ever.
        const limits = { interruptAfterTimeLimit: 90_000, markInterruptAsFailure: true };
        await expect(
          fc.assert(walk, { seed, numRuns: Math.ceil(numRuns * share), ...limits }),
        ).resolves.toBeUndefined();
      },
    );
  });
}

type Step = { readonly name: keyof typeof weights; readonly pick: number; readonly dice: number };

const weights = {
  publish: 6,
  subscribe: 5,
  unsubscribe: 2,
  cut: 8,
  checkpoint: 8,
  catchUp: 8,
  settle: 8,
  wait: 3,
  tidy: 2,
  crash: 1,
  haunt: 1,
  probe: 2,
  release: 2,
  turnHost: 2,
  hasten: 2,
  giveUpOld: 2,
  endLapsed: 2,
  changePolicy: 2,
};

function stepsOf(changes: boolean): fc.Arbitrary<readonly Step[]> {
  const names = Object.entries(weights)
    .filter(([name]) => changes || name !== "changePolicy")
    .map(([name, weight]) => ({ arbitrary: fc.constant(name as Step["name"]), weight }));
  const step = fc.record({ name: fc.oneof(...names), pick: fc.nat(7), dice: fc.nat(0xffff) });
  return fc.array(step, { minLength: 10, maxLength: 160, size: "max" });
}

async function take(walk: Walk, { name, pick, dice }: Step): Promise<void> {
  switch (name) {
    case "publish":
      return walk.publish();
    case "subscribe":
      return walk.subscribe(pick, dice);
    case "unsubscribe":
      return walk.unsubscribe(pick);
    case "cut":
      return walk.cut();
    case "checkpoint":
      return walk.checkpoint(pick, dice);
    case "catchUp":
      return walk.catchUp(1 + pick, dice);
    case "settle":
      return walk.settle(pick, dice);
    case "wait":
      return walk.wait(dice % 100);
    case "tidy":
      return walk.tidy();
    case "crash":
      return walk.crash();
    case "haunt":
      return walk.haunt();
    case "probe":
      return walk.probe(pick);
    case "release":
      return walk.release(pick);
    case "turnHost":
      return walk.turnHost(pick);
    case "hasten":
      return walk.hasten(pick, dice);
    case "giveUpOld":
      return walk.giveUpOld(dice % 150, 1 + pick);
    case "endLapsed":
      return walk.endLapsed(1 + pick);
    case "changePolicy":
      return walk.changePolicy(dice % 2 === 0 ? "latest" : "every");
  }
}
