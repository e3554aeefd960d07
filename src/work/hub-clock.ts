import type { Clock } from "../clock.ts";
import { type Gap, missedMs } from "../model/gap.ts";

export type HubClockOptions = {
  /** How long a gap is made up for, of the time that the hub lives through after it: as long as there may be leases that were granted before it. */
  readonly madeUpForMs: number;
  /** The machine's clock has been set back behind the hub's time, by so many milliseconds. */
  readonly onSetBack: (ms: number) => void;
};

/** What is shorter is a restart, or the clock being corrected. Nobody's lease is that short. */
const shortestGapMs = 120_000;
/** How often the hub's time is looked at, whatever else there is to do. */
const beatMs = 30_000;
/** The highest age that anything is judged by (upkeep.ts). */
const longestAgeMs = 30 * 86_400_000;
/** How fast the hub's time goes while it is ahead of the machine's: whatever waits, waits a ninth longer at most. */
const slowPace = 0.9;

/**
 * The time of the hub (decision 0018). It follows the machine's clock forward, never goes back, and notes what it did not live
 * through: leases do not run meanwhile.
 */
export class HubClock implements Clock {
  readonly #base: Clock;
  readonly #options: HubClockOptions;
  #gaps: readonly Gap[] = [];
  /** Those that are to be written down, oldest first. */
  readonly unsavedGaps: Gap[] = [];
  /** The hub's time when it was last asked for, and the monotonic time then. */
  #lastMs: number;
  #lastMonotonicMs: number;
  #isAhead = false;

  constructor(base: Clock, options: HubClockOptions) {
    this.#base = base;
    this.#options = options;
    this.#lastMs = base.now().getTime();
    this.#lastMonotonicMs = base.monotonicMs();
  }

  /** Goes on from what the store remembers. `lastSeen` absent: from now. */
  resume(lastSeen: Date | undefined, gaps: readonly Gap[]): void {
    this.#gaps = gaps;
    if (lastSeen !== undefined) this.#lastMs = lastSeen.getTime();
    this.#lastMonotonicMs = this.#base.monotonicMs();
  }

  /** Looks at the time from now on every half minute, so that a process that stood still is noticed. Returns how to end that. */
  beat(): () => void {
    let callOff = () => {};
    const look = () => {
      this.now();
      callOff = this.#base.after(beatMs, look);
    };
    look();
    return () => callOff();
  }

  now(): Date {
    const monotonicMs = this.#base.monotonicMs();
    const pastMs = monotonicMs - this.#lastMonotonicMs;
    const livedMs = pastMs > shortestGapMs ? 0 : pastMs; // as long it is looked at by nobody only if the process stood still
    const [lastMs, wallMs] = [this.#lastMs, this.#base.now().getTime()];
    this.#lastMonotonicMs = monotonicMs;
    this.#lastMs = Math.max(wallMs, lastMs + livedMs * slowPace);
    if (this.#lastMs - lastMs - livedMs > shortestGapMs) this.#note(lastMs + livedMs);
    this.#compare(wallMs);
    return new Date(this.#lastMs);
  }

  wallNow(): Date {
    return this.#base.wallNow();
  }

  monotonicMs(): number {
    return this.#base.monotonicMs();
  }

  after(ms: number, fire: () => void): () => void {
    return this.#base.after(ms, fire);
  }

  /** Up to when the store may be told that the hub lived: not beyond a gap that is still to be written down, which a restart would then miss. */
  livedUntil(): Date {
    const now = this.now();
    return this.unsavedGaps[0]?.from ?? now;
  }

  /** What leases are compared with at `now`: as much earlier as there were gaps. */
  leaseTime(now: Date): Date {
    return new Date(now.getTime() - missedMs(this.#gaps, now, this.#options.madeUpForMs));
  }

  /** The same for ages, of 30 days at most: a gap counts for as long even where all leases are shorter. */
  ageTime(now: Date): Date {
    return new Date(now.getTime() - missedMs(this.#gaps, now, this.#keptMs));
  }

  /** Gaps that ended before this are made up for no longer. */
  forgetBefore(now: Date): Date {
    return new Date(this.ageTime(now).getTime() - this.#keptMs);
  }

  get #keptMs(): number {
    return Math.max(this.#options.madeUpForMs, longestAgeMs);
  }

  #note(fromMs: number): void {
    const gap = { from: new Date(fromMs), until: new Date(this.#lastMs) };
    this.#gaps = [...this.#gaps, gap];
    this.unsavedGaps.push(gap);
  }

  #compare(wallMs: number): void {
    const aheadMs = this.#lastMs - wallMs;
    if (aheadMs > shortestGapMs && !this.#isAhead) this.#options.onSetBack(aheadMs);
    this.#isAhead = aheadMs > shortestGapMs;
  }
}
