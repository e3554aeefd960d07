import type { AttemptAnswer } from "../model/delivery.ts";

/** Waits before each further attempt of a delivery, in milliseconds, at least one. The schedule is used up when there is none left. */
export type RetryPolicy = { readonly delaysMs: readonly number[] };

/** `give_up`: this publication is; `at` is when the subscription is tried with the next one. */
export type RetryDecision = { readonly next: "retry" | "give_up"; readonly at: Date };

const longestRetryAfterMs = 3_600_000;
const mostJitter = 0.2;

/**
 * What follows the `attempt`-th failed attempt (1-based) of a delivery (§7: retries up to a limit of the hub's own).
 * Policy: when the schedule is used up the publication is given up, and from then on the subscription is tried once per
 * last delay. Jitter lengthens a wait by up to a fifth and never shortens it; a Retry-After on 429 and 503 lengthens it to
 * an hour at most. `random` is in [0, 1).
 */
export function decideRetry(
  answer: AttemptAnswer,
  attempt: number,
  now: Date,
  { delaysMs }: RetryPolicy,
  random: number,
): RetryDecision {
  const delayMs = delaysMs[attempt - 1] ?? delaysMs.at(-1) ?? 0;
  const waitMs = Math.max(delayMs * (1 + mostJitter * random), retryAfterMs(answer));
  const next = attempt === delaysMs.length + 1 ? "give_up" : "retry";
  return { next, at: new Date(now.getTime() + Math.ceil(waitMs)) };
}

function retryAfterMs(answer: AttemptAnswer): number {
  if (answer.kind !== "answered" || (answer.status !== 429 && answer.status !== 503)) return 0;
  return Math.min((answer.retryAfterSeconds ?? 0) * 1000, longestRetryAfterMs);
}

/** Reads a Retry-After header, which holds seconds or a date. Nonsense is none. */
export function parseRetryAfter(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header)) return Number(header);
  // Date.parse makes a date of nearly anything ("1.5", "in 5 minutes"); an HTTP date begins with the day.
  const at = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now.getTime()) / 1000));
}
