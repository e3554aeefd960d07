import type { Clock } from "../clock.ts";

/** Calls `onDue` for each item that is still there `ms` after it was added. One timer for all, however many they are. */
export class Deadlines<T> {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #onDue: (item: T) => void;
  /** In monotonic milliseconds; in the order they fall due unless mixed. */
  readonly #due = new Map<T, number>();
  #callOff: (() => void) | undefined;
  /** When the timer fires. */
  #timerMs = 0;
  #lastMs = -Infinity;
  /** Some were added that fall due before others. */
  #isMixed = false;

  constructor(clock: Clock, ms: number, onDue: (item: T) => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.#onDue = onDue;
  }

  /** Those left, in the order they were added. */
  get items(): readonly T[] {
    return [...this.#due.keys()];
  }

  /** It was added, and neither deleted nor has it fallen due since. */
  has(item: T): boolean {
    return this.#due.has(item);
  }

  /** Of an item's time `elapsedMs` may have gone by already. One that is there already begins anew. */
  add(item: T, elapsedMs = 0): void {
    const nowMs = this.#clock.monotonicMs();
    const dueMs = nowMs + this.#ms - elapsedMs;
    this.#isMixed ||= dueMs < this.#lastMs;
    this.#lastMs = dueMs;
    this.#due.delete(item);
    this.#due.set(item, dueMs);
    if (this.#callOff === undefined || dueMs < this.#timerMs) this.#setTimer(dueMs - nowMs);
  }

  /** The timer runs on: whoever adds and deletes all the time would else set one each time. */
  delete(item: T): void {
    this.#due.delete(item);
  }

  clear(): void {
    this.#due.clear();
    this.#callOff?.();
    this.#callOff = undefined;
    this.#lastMs = -Infinity;
    this.#isMixed = false;
  }

  readonly #fire = (): void => {
    const nowMs = this.#clock.monotonicMs();
    // Until the loop is through, the timer that has fired stands in for the next one: a timer for what `onDue` adds would be too
    // late for the rest.
    let nextMs = Infinity;
    for (const [item, dueMs] of this.#due) {
      if (dueMs > nowMs) {
        nextMs = Math.min(nextMs, dueMs);
        if (this.#isMixed) continue;
        break;
      }
      this.#due.delete(item);
      this.#onDue(item);
    }
    if (nextMs < Infinity) this.#setTimer(nextMs - nowMs);
    else this.clear();
  };

  #setTimer(ms: number): void {
    this.#callOff?.();
    this.#timerMs = this.#clock.monotonicMs() + ms;
    this.#callOff = this.#clock.after(ms, this.#fire);
  }
}
