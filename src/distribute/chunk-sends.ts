import type { ChunkClaim, ChunkReport } from "../model/delivery.ts";
import { originOf } from "../model/origin.ts";
import type { Recipient } from "../model/subscription.ts";
import type { Attempted } from "./attempt.ts";
import type { Departure } from "./departures.ts";
import type { Judgement } from "./judge-attempt.ts";

/** One subscription's delivery out of a chunk. */
export type Send = {
  readonly recipient: Recipient;
  readonly origin: string;
  departure: Departure | undefined;
  /** Monotonic; absent while it waits for its turn, and after it was cut short. */
  startedMs: number | undefined;
  /** Set once its subscription fell behind while it ran: takes what the attempt shows, `undefined` if it was cut short. */
  detach: ((judgement: Judgement | undefined) => void) | undefined;
};

/** What has become of a chunk's deliveries since the last checkpoint, and which are still to do. */
export class ChunkSends {
  readonly #chunk: ChunkClaim;
  readonly todo: Map<number, Send>;
  #delivered = 0;
  #behind: ChunkReport["behind"][number][] = [];
  #gone: ChunkReport["gone"][number][] = [];
  #log: ChunkReport["log"][number][] = [];
  /** Origins where a 2xx will hasten what is in the report. */
  #troubled = new Set<string>();
  #settled = 0;

  constructor(chunk: ChunkClaim) {
    this.#chunk = chunk;
    const toSend = (recipient: Recipient): [number, Send] => [
      recipient.subscriptionId,
      {
        recipient,
        origin: originOf(recipient.callback),
        departure: undefined,
        startedMs: undefined,
        detach: undefined,
      },
    ];
    this.todo = new Map(chunk.recipients.map(toSend));
  }

  /** Deliveries settled since the last report. */
  get settled(): number {
    return this.#settled;
  }

  get running(): boolean {
    return this.todo.values().some((send) => send.startedMs !== undefined);
  }

  /** Takes a delivery off the to-do list with what its attempt has shown. */
  settle({ recipient, origin }: Send, { outcome, record }: Judgement): void {
    const { subscriptionId } = recipient;
    this.#remove(subscriptionId);
    if (outcome.kind === "delivered") this.#delivered += 1;
    else if (outcome.kind === "gone") this.#gone.push({ subscriptionId, ...outcome, token: undefined });
    else this.#behind.push({ subscriptionId, ...outcome, token: undefined });
    if (outcome.kind === "failed" && outcome.hastenedBy === "success") this.#troubled.add(origin);
    if (outcome.kind !== "delivered" || this.#chunk.logSuccesses) this.#log.push(record);
  }

  /** Leaves a delivery to catch-up: claimed by its running attempt's `token`, or for anybody at once. */
  leave({ recipient }: Send, dueAt: Date, token: string | undefined): void {
    const { subscriptionId } = recipient;
    this.#remove(subscriptionId);
    this.#behind.push({ subscriptionId, attempts: 0, dueAt, hastenedBy: "nothing", token });
  }

  /** What is to be written now, and the origins in trouble that it tells of; begins the next report. */
  report(now: Date): { readonly report: ChunkReport; readonly troubled: ReadonlySet<string> } {
    const troubled = this.#troubled;
    const report: ChunkReport = {
      left: [...this.todo.keys()],
      delivered: this.#delivered,
      behind: this.#behind,
      gone: this.#gone,
      log: this.#summary(now),
    };
    this.#delivered = 0;
    this.#behind = [];
    this.#gone = [];
    this.#log = [];
    this.#troubled = new Set();
    this.#settled = 0;
    return { report, troubled };
  }

  #remove(subscriptionId: number): void {
    this.todo.delete(subscriptionId);
    this.#settled += 1;
  }

  /** On large topics one record stands for all successes of a report. */
  #summary(at: Date): ChunkReport["log"] {
    if (this.#chunk.logSuccesses || this.#delivered === 0) return this.#log;
    const { topicId, seq } = this.#chunk;
    const none = { subscriptionId: undefined, status: undefined, reason: undefined };
    return [
      ...this.#log,
      { ...none, topicId, seq, at, count: this.#delivered, attempt: 1, outcome: "delivered", durationMs: 0 },
    ];
  }
}

/** An attempt that was answered, not cut short. */
export function isAnswered(
  attempted: Attempted,
): attempted is Attempted & { readonly answer: NonNullable<Attempted["answer"]> } {
  return attempted.answer !== undefined;
}
