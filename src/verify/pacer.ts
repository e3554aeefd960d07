import type { Clock } from "../clock.ts";
import { hostOf } from "../model/origin.ts";

/** How often callback hosts are asked, by this process. */
export type Pacer = {
  /** A request is sent there. */
  readonly take: (callback: string) => void;
  /** Hosts that may not be asked at this moment. */
  readonly listSpent: () => readonly string[];
};

const minuteMs = 60_000;
/** Hosts that are remembered although they have not been asked for a while. */
const mostIdle = 10_000;

/**
 * So many requests a minute to one host, which may all come at once after a minute without any (GCRA: a host's share is used up to
 * a moment that may lie a minute ahead). A few too many at once are made up for by a longer wait.
 * It bounds what strangers can have this hub do to a machine that never asked for anything.
 */
export function createPacer(clock: Pick<Clock, "monotonicMs">, perMinute: number): Pacer {
  if (perMinute === Infinity) return { take: () => undefined, listSpent: () => [] };
  const eachMs = minuteMs / perMinute;
  const usedUpTo = new Map<string, number>();
  const spent = new Set<string>();
  const isSpent = (host: string, now: number) => (usedUpTo.get(host) ?? 0) + eachMs > now + minuteMs + toleranceMs;

  function forgetIdle(now: number): void {
    for (const [host, used] of usedUpTo) if (used <= now) usedUpTo.delete(host);
  }

  return {
    take(callback) {
      const now = clock.monotonicMs();
      const host = hostOf(callback);
      if (usedUpTo.size >= mostIdle && !usedUpTo.has(host)) forgetIdle(now);
      usedUpTo.set(host, Math.max(now, usedUpTo.get(host) ?? now) + eachMs);
      if (isSpent(host, now)) spent.add(host);
    },
    listSpent() {
      const now = clock.monotonicMs();
      for (const host of spent) if (!isSpent(host, now)) spent.delete(host);
      return [...spent];
    },
  };
}

/** What adding up fractions of a millisecond may be off by. */
const toleranceMs = 0.001;
