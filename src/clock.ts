import { hrtime } from "node:process";

/** Time as the hub sees it. Tests hold one that they move; everything that waits or dates a row takes it from here. */
export interface Clock {
  /** Dates, leases, due times. The hub's never goes back (work/hub-clock.ts). */
  now(): Date;

  /** The machine's wall clock as it stands, right or wrong: for what others compare with theirs. */
  wallNow(): Date;

  /** Monotonic milliseconds from an arbitrary start: durations and deadlines, never stored. */
  monotonicMs(): number;

  /** Calls `fire` once after `ms` of monotonic time. Returns how to call it off; calling off late is harmless. */
  after(ms: number, fire: () => void): () => void;
}

/** Its monotonic time is the same in all threads of the process. */
export const systemClock: Clock = {
  now: () => new Date(),
  wallNow: () => new Date(),
  monotonicMs() {
    const [seconds, nanoseconds] = hrtime();
    return seconds * 1000 + nanoseconds / 1e6;
  },
  after(ms, fire) {
    const timer = setTimeout(fire, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};
