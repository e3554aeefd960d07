import type { Clock } from "../clock.ts";

/** Moments at equal distances. Whoever waits for the next one is called in the same turn of the event loop as all others. */
export class Moments {
  readonly #clock: Clock;
  readonly #everyMs: number;
  #waiting = new Set<() => void>();

  constructor(clock: Clock, everyMs: number) {
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  /** Returns how to call it off. A function that waits already is called once. */
  next(call: () => void): () => void {
    if (this.#waiting.size === 0) this.#clock.after(this.#leftMs(), this.#arrive);
    this.#waiting.add(call);
    return () => {
      this.#waiting.delete(call);
    };
  }

  #leftMs(): number {
    return this.#everyMs - (this.#clock.monotonicMs() % this.#everyMs);
  }

  readonly #arrive = (): void => {
    const calls = this.#waiting;
    this.#waiting = new Set();
    for (const call of calls) call();
  };
}
