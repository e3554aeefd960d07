import type { Worker } from "node:worker_threads";

import type { Clock } from "../clock.ts";
import { originOf } from "../model/origin.ts";
import type { PostAnswer } from "../outbound/outbound.ts";
import type { Post } from "./post.ts";
import { DeliveryThread, type Errand } from "./delivery-thread.ts";

export type DeliveryThreadsDeps = {
  readonly count: number;
  /** Starts one whose program is `serveOrders`. */
  readonly spawn: () => Worker;
  readonly clock: Clock;
  readonly cut: AbortSignal;
  readonly onError: (error: unknown) => void;
};

const aborted: PostAnswer = { kind: "failed", reason: "aborted", detail: "called off by the hub" };
/** As much more as another thread may have under way before it gets no more of what is its own. */
const mostAhead = 64;
/** A POST that has cost so many threads their life is not tried on another. */
const mostDeaths = 2;

/**
 * Signs and sends in threads of its own; everything else, and all that is written, stays on the main thread. An origin keeps to one
 * thread, where its connections are, unless that one has far more to do than another. Threads start when they are first
 * needed; one that dies is replaced, and what it had under way is sent again.
 */
export class DeliveryThreads implements AsyncDisposable {
  readonly #deps: DeliveryThreadsDeps;
  readonly #threads: (DeliveryThread | undefined)[];
  #isClosed = false;

  constructor(deps: DeliveryThreadsDeps) {
    this.#deps = deps;
    this.#threads = Array.from({ length: deps.count }, () => undefined);
    deps.cut.addEventListener("abort", () => {
      for (const thread of this.#threads) thread?.abandon(aborted);
    });
  }

  readonly post: Post = (publication, recipient, attempt, at) =>
    new Promise((resolve) => {
      const { clock, cut } = this.#deps;
      if (cut.aborted) return resolve(aborted);
      const startedMs = clock.monotonicMs();
      this.#give({ publication, recipient, attempt, at, startedMs, deaths: 0, settle: resolve });
    });

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#threads.flatMap((thread) => (thread ? [thread.end()] : [])));
  }

  #give(errand: Errand): void {
    this.#choose(originOf(errand.recipient.callback)).give(errand);
  }

  #choose(origin: string): DeliveryThread {
    const own = hash(origin) % this.#threads.length;
    const loads = this.#threads.map((thread) => thread?.open ?? 0);
    const least = loads.indexOf(Math.min(...loads));
    const isAhead = (loads[own] ?? 0) - (loads[least] ?? 0) > mostAhead;
    const index = isAhead ? least : own;
    return this.#threads[index] ?? this.#start(index);
  }

  #start(index: number): DeliveryThread {
    const thread = new DeliveryThread(this.#deps.spawn(), this.#deps.clock, (error, errands) => {
      this.#threads[index] = undefined;
      if (!this.#isClosed) this.#deps.onError(error);
      for (const errand of errands) {
        if (this.#isClosed) errand.settle(aborted);
        else this.#giveAgain(errand);
      }
    });
    this.#threads[index] = thread;
    return thread;
  }

  #giveAgain(errand: Errand): void {
    const deaths = errand.deaths + 1;
    if (deaths < mostDeaths) this.#give({ ...errand, deaths });
    else errand.settle({ kind: "failed", reason: "exhausted", detail: "the delivery threads died over it" });
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
