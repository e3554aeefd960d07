import type { Clock } from "../clock.ts";
import { postWallClockMs } from "../outbound/outbound.ts";

/** For how long a claim is surely ours, by our own clock: it runs from before the store was asked for the claim. */
export class Lease {
  readonly #clock: Clock;
  readonly #lengthMs: number;
  #begunMs: number;

  /** To be made before the claim is asked for. */
  constructor(clock: Clock, lengthMs: number) {
    this.#clock = clock;
    this.#lengthMs = lengthMs;
    this.#begunMs = clock.monotonicMs();
  }

  /** Whether what is sent now has been answered, or given up, before anybody else can claim it. */
  get covers(): boolean {
    return this.#clock.monotonicMs() + postWallClockMs <= this.#begunMs + this.#lengthMs;
  }

  /** It is time to have it begin anew. */
  get isAging(): boolean {
    return this.#clock.monotonicMs() - this.#begunMs >= this.#lengthMs / 3;
  }

  /** It has begun anew with what was asked for at `askedMs`. */
  renew(askedMs: number): void {
    this.#begunMs = askedMs;
  }
}
