import { env } from "node:process";

import { expect, test } from "vitest";

import { race } from "./race.ts";

const policies = ["latest", "every"] as const;
const rounds = Number(env["CARILLON_TEST_RACE_ROUNDS"] ?? 1);
const seeds = Array.from({ length: rounds }, (_, i) => i + 1);

const races = seeds.flatMap((seed) =>
  policies.flatMap((policy) => [
    { seed, policy, nodes: 3, members: 12, steps: 300, faults: false },
    { seed, policy, nodes: 4, members: 6, steps: 300, faults: true },
  ]),
);

test.each(races)(
  "engine-protocol 4: the invariants hold between nodes ($policy, leases lost: $faults, seed $seed)",
  async (kind) => {
    expect(await race(kind)).toEqual([]);
  },
);
