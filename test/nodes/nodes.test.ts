import { expect, test } from "vitest";

import { play } from "./play.ts";

// Large ones, with leases that end by themselves: npm run test:nodes.

const quick = { isQuick: true, seed: 1, tell: () => undefined } as const;
/** What nodes had on their way, or had been answered and not yet written down, when they were gone. */
const mostRepeats = 1000;
/** What was between two threads, or on an unfinished connection, when a node was stopped. */
const mostLate = 100;

test(
  "four nodes deliver every version to everybody in order, while one is killed, one stands still and the database is restarted",
  { timeout: 180_000 },
  async () => {
    const troubles = ["kill", "stop", "restart"] as const;
    const outcome = await play({ ...quick, nodes: 4, subscribers: 1500, versions: 4, troubles });

    expect(outcome).toMatchObject({ faults: [], exitCodes: [0, 0, 0] });
    expect(outcome.figures.repeats).toBeLessThan(mostRepeats);
    expect(outcome.figures.late).toBeLessThan(mostLate);
  },
);

test(
  "two nodes whose connections to the database are cut again and again deliver every version to everybody in order",
  { timeout: 180_000 },
  async () => {
    const outcome = await play({ ...quick, nodes: 2, subscribers: 1000, versions: 3, troubles: ["cut"] });

    expect(outcome).toMatchObject({ faults: [], exitCodes: [0, 0] });
    expect(outcome.figures.repeats).toBeLessThan(mostRepeats);
  },
);
