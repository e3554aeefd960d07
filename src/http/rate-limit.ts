import type { Clock } from "../clock.ts";

export type RateLimit = {
  /** Counts a request of `client`. 0: it may go on; otherwise the milliseconds until it could, and nothing was counted. */
  readonly take: (client: string) => number;
};

const minuteMs = 60_000;
/** What adding up fractions of a millisecond may be off by. */
const toleranceMs = 0.001;

/**
 * `perMinute` requests a minute of each client, a minute's worth of them at once (GCRA: for each client the moment up to which
 * it has used its share). 0: no limit. At least `mostClients` are remembered for a minute, and at most twice as many at all:
 * when more come, those not seen for longest begin anew.
 */
export function createRateLimit(clock: Clock, perMinute: number, mostClients = 50_000): RateLimit {
  const eachMs = minuteMs / perMinute;
  let recent = new Map<string, number>();
  let former = new Map<string, number>();
  let since = clock.monotonicMs();

  function forget(now: number): void {
    former = recent;
    recent = new Map();
    since = now;
  }

  function take(client: string): number {
    if (perMinute === 0) return 0;
    const now = clock.monotonicMs();
    if (recent.size >= mostClients || now - since >= minuteMs) forget(now);
    const used = Math.max(now, recent.get(client) ?? former.get(client) ?? now) + eachMs;
    const waitMs = used - now - minuteMs;
    if (waitMs > toleranceMs) return waitMs;
    recent.set(client, used);
    return 0;
  }

  return { take };
}
