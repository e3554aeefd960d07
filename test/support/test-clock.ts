import type { Clock } from "../../src/clock.ts";

type Timer = { readonly at: number; readonly fire: () => void };

/** Time that stands still until a test moves it. Nothing that waits on it needs a sleep. */
export class TestClock implements Clock {
  readonly #start: number;
  readonly #timers = new Set<Timer>();
  #elapsedMs = 0;
  /** How far the wall clock has been set ahead of what went by. */
  #setAheadMs = 0;

  constructor(start: Date) {
    this.#start = start.getTime();
  }

  now(): Date {
    return new Date(this.#start + this.#elapsedMs + this.#setAheadMs);
  }

  wallNow(): Date {
    return this.now();
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(ms: number, fire: () => void): () => void {
    const timer = { at: this.#elapsedMs + ms, fire };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Timers set and neither fired nor called off. */
  get waiting(): number {
    return this.#timers.size;
  }

  /**
   * Moves both times on by `ms` and fires what falls due, in order of due time (in order of setting where that is equal), each at
   * its own moment; timers that a fired one sets count too. What was fired has run up to its first await when this returns.
   */
  advance(ms: number): void {
    const end = this.#elapsedMs + ms;
    for (let timer = this.#nextDue(end); timer !== undefined; timer = this.#nextDue(end)) {
      this.#timers.delete(timer);
      this.#elapsedMs = Math.max(this.#elapsedMs, timer.at);
      timer.fire();
    }
    this.#elapsedMs = end;
  }

  /** As when the process is stopped: both times move on by `ms`, and what falls due fires with the next `advance`, so much too late. */
  standStill(ms: number): void {
    this.#elapsedMs += ms;
  }

  /** Sets the wall clock ahead by `ms`, or back. No time goes by, and nothing fires. */
  jump(ms: number): void {
    this.#setAheadMs += ms;
  }

  #nextDue(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer;
    return next;
  }
}
