import type { HostSign } from "./host-sign.ts";

/** How many attempts one origin gets at a time. */
export type Pace = {
  /** Its whole part is what counts. */
  readonly limit: number;
  /** Up to here every answer adds one, beyond it every full round of answers. */
  readonly threshold: number;
  readonly halvedAtMs: number;
};

/** What any origin gets. */
export const slowestPace = 4;

const betweenHalvingsMs = 1000;

/** `fastest`: CARILLON_HOST_CONCURRENCY. Where that is less than the slowest pace, it rules. */
export function startPace(fastest: number): Pace {
  return { limit: Math.min(slowestPace, fastest), threshold: fastest, halvedAtMs: -Infinity };
}

/**
 * Policy: a pace grows with answers, as long as all of it is used; it is halved on 429, 5xx and timeouts, once a second
 * at most, and never below the slowest. `nowMs` is monotonic.
 */
export function nextPace(
  pace: Pace,
  sign: HostSign,
  { isFull, nowMs, fastest }: { readonly isFull: boolean; readonly nowMs: number; readonly fastest: number },
): Pace {
  if (sign === "strain" || sign === "timeout") {
    if (nowMs - pace.halvedAtMs < betweenHalvingsMs) return pace;
    const limit = Math.max(startPace(fastest).limit, pace.limit / 2);
    return { limit, threshold: limit, halvedAtMs: nowMs };
  }
  if (!isFull || (sign !== "welcome" && sign !== "answer")) return pace;
  const step = pace.limit < pace.threshold ? 1 : 1 / pace.limit;
  return { ...pace, limit: Math.min(fastest, pace.limit + step) };
}
