import type { Clock } from "../clock.ts";

/** Calls `onDue` for each item that is still there `ms` after it was added. One timer for all, however many they are. */
export class Deadlines<T> {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #onDue: (item: T) => void;
  /** In the order they fall due, in monotonic milliseconds. */
  readonly #due = new Map<T, number>();
  #callOff: (() => void) | undefined;

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

  /** An item that is there already begins anew. */
  add(item: T): void {
    this.#due.delete(item);
    this.#due.set(item, this.#clock.monotonicMs() + this.#ms);
    this.#callOff ??= this.#clock.after(this.#ms, this.#fire);
  }

  /** The timer runs on: whoever adds and deletes all the time would else set one each time. */
  delete(item: T): void {
    this.#due.delete(item);
  }

  clear(): void {
    this.#due.clear();
    this.#callOff?.();
    this.#callOff = undefined;
  }

  readonly #fire = (): void => {
    const nowMs = this.#clock.monotonicMs();
    // Until the loop is through, the timer that has fired stands in for the next one: a timer for what `onDue` adds would be too
    // late for the rest.
    for (const [item, dueMs] of this.#due) {
      if (dueMs > nowMs) return this.#setTimer(dueMs - nowMs);
      this.#due.delete(item);
      this.#onDue(item);
    }
    this.clear();
  };

  #setTimer(ms: number): void {
    this.#callOff?.();
    this.#callOff = this.#clock.after(ms, this.#fire);
  }
}
