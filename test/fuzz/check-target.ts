import * as fc from "fast-check";

import type { Target } from "./target.ts";

/** How long to try: by time, or by a number of inputs. */
export type Effort = { readonly seed: number } & ({ readonly seconds: number } | { readonly runs: number });

/** The reason comes first, then seed and path, which are enough. */
const mostCharacters = 4000;

/** What was found, as a text that says how to see it again; `undefined`: nothing. */
export async function checkTarget(target: Target, effort: Effort): Promise<string | undefined> {
  await using opened = await target.open();
  const until =
    "runs" in effort
      ? { numRuns: effort.runs }
      : { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: effort.seconds * 1000 };
  const details = await fc.check(opened.property, { seed: effort.seed, ...until });
  if (!details.failed) return undefined;
  const why = String(details.errorInstance).slice(0, mostCharacters / 2);
  return `${why}\n${fc.defaultReportMessage(details)}`.slice(0, mostCharacters);
}
