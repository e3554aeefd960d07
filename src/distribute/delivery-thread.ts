import type { Worker } from "node:worker_threads";

import { type Clock, systemClock } from "../clock.ts";
import type { Publication } from "../model/publication.ts";
import { overLimit, type PostAnswer, postWallClockMs } from "../outbound/outbound.ts";
import { Deadlines } from "../work/deadlines.ts";
import type { Addressee } from "./post.ts";
import type { CopiedPublication, Orders, PostOrder, Result } from "./thread-messages.ts";

/** A POST that a thread is to make, and who waits for it. */
export type Errand = {
  readonly publication: Publication;
  readonly recipient: Addressee;
  readonly attempt: number;
  readonly at: Date;
  /** Monotonic. */
  readonly startedMs: number;
  /** Threads that have died over it. */
  readonly deaths: number;
  readonly settle: (answer: PostAnswer) => void;
};

type Kept = { readonly id: number; users: number };

/** One thread as seen from the main one. Orders of one turn of the event loop travel together. */
export class DeliveryThread {
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #errands = new Map<number, Errand>();
  /** Of their wall clocks: a thread that hangs holds nobody up. */
  readonly #ends: Deadlines<number>;
  readonly #kept = new Map<Publication, Kept>();
  #orders: { givenMs: number; keep: Orders["keep"][number][]; posts: PostOrder[]; forget: number[] } | undefined;
  #lastId = 0;

  /** `onDeath` gets what is lost with it. */
  constructor(worker: Worker, clock: Clock, onDeath: (error: Error, errands: readonly Errand[]) => void) {
    this.#worker = worker;
    this.#clock = clock;
    this.#ends = new Deadlines(clock, postWallClockMs, (id) => this.#end(id));
    let reason: unknown;
    worker.on("message", (results: readonly Result[]) => {
      for (const [id, answer] of results) this.#take(id)?.settle(toPostAnswer(answer));
    });
    worker.on("error", (error) => {
      reason = error;
    });
    worker.on("exit", (code) => {
      const errands = [...this.#errands.values()];
      this.#errands.clear();
      this.#ends.clear();
      onDeath(new Error(`a delivery thread ended with code ${code}`, { cause: reason }), errands);
    });
  }

  /** POSTs under way. */
  get open(): number {
    return this.#errands.size;
  }

  give(errand: Errand): void {
    const { publication, recipient, attempt, at, startedMs } = errand;
    const orders = this.#pending();
    const kept = this.#kept.get(publication) ?? this.#keep(publication, orders.keep);
    kept.users += 1;
    this.#lastId += 1;
    this.#errands.set(this.#lastId, errand);
    const { subscriptionId, callback, secret, signatureMethod } = recipient;
    const to = [subscriptionId, callback, secret, signatureMethod] as const;
    const elapsedMs = this.#clock.monotonicMs() - startedMs;
    orders.posts.push([this.#lastId, kept.id, ...to, attempt, at.getTime(), elapsedMs]);
    this.#ends.add(this.#lastId, elapsedMs);
  }

  /** Whoever waits has this answer; what the thread says later is ignored. */
  abandon(answer: PostAnswer): void {
    for (const id of this.#errands.keys()) this.#take(id)?.settle(answer);
    this.#ends.clear();
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #end(id: number): void {
    const errand = this.#take(id);
    if (errand === undefined) return;
    const lateMs = this.#clock.monotonicMs() - errand.startedMs - postWallClockMs;
    errand.settle(overLimit(`not done within ${postWallClockMs / 1000} s`, lateMs));
  }

  #keep(publication: Publication, keep: Orders["keep"][number][]): Kept {
    this.#lastId += 1;
    const kept = { id: this.#lastId, users: 0 };
    this.#kept.set(publication, kept);
    keep.push([kept.id, copy(publication)]);
    return kept;
  }

  #take(id: number): Errand | undefined {
    const errand = this.#errands.get(id);
    if (errand === undefined) return undefined;
    this.#errands.delete(id);
    this.#ends.delete(id);
    const kept = this.#kept.get(errand.publication);
    if (kept !== undefined) {
      kept.users -= 1;
      if (kept.users === 0) this.#forget(errand.publication, kept.id);
    }
    return errand;
  }

  #forget(publication: Publication, id: number): void {
    this.#kept.delete(publication);
    this.#pending().forget.push(id);
  }

  #pending() {
    if (this.#orders !== undefined) return this.#orders;
    queueMicrotask(() => {
      const bodies = this.#orders?.keep.map(([, { body }]) => body) ?? [];
      this.#worker.postMessage(this.#orders, bodies);
      this.#orders = undefined;
    });
    this.#orders = { givenMs: systemClock.monotonicMs(), keep: [], posts: [], forget: [] };
    return this.#orders;
  }
}

function toPostAnswer(answer: Result[1]): PostAnswer {
  return typeof answer === "number" ? { kind: "answered", status: answer, retryAfter: undefined } : answer;
}

function copy(publication: Publication): CopiedPublication {
  return { ...publication, body: new Uint8Array(publication.body).buffer };
}
