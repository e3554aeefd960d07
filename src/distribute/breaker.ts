import type { HostSign } from "./host-sign.ts";

/** Attempts of a stretch of time, and those of them that did not get through. */
type Tally = { readonly attempts: number; readonly lost: number };

/** What is remembered of an origin whose breaker is closed: attempts of the last half to whole minute. */
export type Recent = { readonly sinceMs: number; readonly now: Tally; readonly before: Tally };

/** An open breaker: nothing is sent before `untilMs`, and then one probe. */
export type OpenBreaker = {
  /** How often in a row it has opened. */
  readonly trips: number;
  readonly untilMs: number;
};

const stretchMs = 30_000;
const fewestAttempts = 10;
const shortestPauseMs = 30_000;
export const longestPauseMs = 600_000;
const none: Tally = { attempts: 0, lost: 0 };

/** Times here are monotonic. */
export function startRecent(nowMs: number): Recent {
  return { sinceMs: nowMs, now: none, before: none };
}

/** Counts what an attempt has shown. A fault of our own is no attempt. */
export function countAttempt(recent: Recent, sign: HostSign, nowMs: number): Recent {
  if (sign === "none") return recent;
  const { sinceMs, now, before } = rollOver(recent, nowMs);
  const lost = now.lost + Number(isLost(sign));
  return { sinceMs, now: { attempts: now.attempts + 1, lost }, before };
}

/**
 * Policy: a breaker opens when most of at least ten recent attempts failed to connect or timed out. Recent is a stretch
 * of time, not a number of attempts: callbacks that hang end all together, long after those beside them have answered.
 */
export function isTripped({ now, before }: Recent): boolean {
  const attempts = now.attempts + before.attempts;
  return attempts >= fewestAttempts && (now.lost + before.lost) * 2 > attempts;
}

export function openBreaker(nowMs: number): OpenBreaker {
  return { trips: 1, untilMs: nowMs + shortestPauseMs };
}

/**
 * What a probe leads to: `undefined`, it was answered and the breaker closes. Otherwise it stays open, twice as long as
 * before and ten minutes at most; only as long as before if the probe showed nothing.
 */
export function settleProbe({ trips }: OpenBreaker, sign: HostSign, nowMs: number): OpenBreaker | undefined {
  if (sign === "welcome" || sign === "answer" || sign === "strain") return undefined;
  const reached = sign === "none" ? trips : trips + 1;
  return { trips: reached, untilMs: nowMs + pauseMs(reached) };
}

function pauseMs(trips: number): number {
  return Math.min(longestPauseMs, shortestPauseMs * 2 ** Math.min(trips - 1, 10));
}

/** No connection, or no answer in time. Only such an attempt opens a breaker: whoever answers is not dead. */
export function isLost(sign: HostSign): boolean {
  return sign === "unreachable" || sign === "timeout";
}

function rollOver(recent: Recent, nowMs: number): Recent {
  const age = nowMs - recent.sinceMs;
  if (age < stretchMs) return recent;
  if (age < 2 * stretchMs) return { sinceMs: recent.sinceMs + stretchMs, now: none, before: recent.now };
  return startRecent(nowMs);
}
