import { expect, test } from "vitest";

import { checkTarget } from "./check-target.ts";
import { targets } from "./targets.ts";

// A short run of `npm run fuzz`, the same each time.

const seed = 20260101;
/** As many as a second is enough for, or less. */
const runs = 300;

test.each(targets)("whatever is made of $name, it is read or refused, in time", async (target) => {
  expect(await checkTarget(target, { seed, runs })).toBeUndefined();
});
