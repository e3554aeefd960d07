import type { AnswerHeaders } from "../outbound/outbound.ts";
import type { Share } from "../work/byte-budget.ts";

/** Most topics are no larger; they wait for nobody. All that can be fetched at a time take little together. */
const freeBytes = 256 * 1024;

/** Room in memory for the body of one fetch, be it large. */
export class BodyRoom {
  readonly #share: Share;
  readonly #maxBytes: number;
  #missing = 0;

  constructor(share: Share, maxBytes: number) {
    this.#share = share;
    this.#maxBytes = maxBytes;
  }

  /** As `MakeRoom`. */
  readonly make = (bytes: number, headers: AnswerHeaders): boolean => {
    const needed = this.#estimate(bytes, headers);
    const isThere = this.#share.tryHold(needed);
    this.#missing = isThere ? 0 : needed;
    return isThere;
  };

  /** An exchange has failed for want of it. */
  get isMissing(): boolean {
    return this.#missing > 0;
  }

  /** Waits for what was missing. False: in vain. */
  wait(ms: number, signal: AbortSignal): Promise<boolean> {
    return this.#share.hold(this.#missing, ms, signal);
  }

  /**
   * Never more than once for a body, so that it is asked for a second time at most: what it claims to be long, or else the most
   * it can be. What has yet to be decoded stands in memory twice while that is done.
   */
  #estimate(bytes: number, headers: AnswerHeaders): number {
    if (headers["content-encoding"] !== undefined) return 3 * this.#maxBytes;
    if (bytes <= freeBytes) return 0;
    const claimed = Number(headers["content-length"] ?? Number.NaN);
    return claimed <= this.#maxBytes ? Math.max(claimed, bytes) : this.#maxBytes;
  }
}
