import type { Clock } from "../clock.ts";

/** Wakes one loop. A ring while nobody waits is not lost: the next wait returns at once. */
export class Bell {
  readonly #clock: Clock;
  #rung = false;
  #wake: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#rung = true;
    this.#wake();
  }

  /** Waits for a ring, for `ms` at most, or until `signal`. */
  async wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.#rung && !signal?.aborted) await this.#sleep(ms, signal);
    this.#rung = false;
  }

  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        signal?.removeEventListener("abort", wake);
        this.#wake = () => undefined;
        resolve();
      };
      const cancel = this.#clock.after(ms, wake);
      signal?.addEventListener("abort", wake);
      this.#wake = wake;
    });
  }
}
