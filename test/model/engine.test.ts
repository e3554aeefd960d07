import { expect, test } from "vitest";

import { tryAll } from "./crew.ts";

/** Others, and many more: npm run test:model. */
const sequences = { seed: 20_260_101, runs: 500 };

test(
  "DESIGN 2.4: whatever happens, in whatever order, every delivery promise is kept",
  { timeout: 300_000 },
  async () => {
    expect(await tryAll(sequences)).toBeUndefined();
  },
);
