import { randomUUID } from "node:crypto";

import type { Clock } from "../clock.ts";
import type { ChunkClaim, ChunkReport } from "../model/delivery.ts";
import type { Publication } from "../model/publication.ts";
import type { FanOutStore } from "../store/fan-out-store.ts";
import { Bell } from "../work/bell.ts";
import type { Moments } from "../work/moments.ts";
import { persist } from "../work/persist.ts";
import type { Attempted } from "./attempt.ts";
import type { OwnedClaim } from "./catch-up.ts";
import { ChunkSends, isAnswered, type Send } from "./chunk-sends.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import { type HostSign, readSign } from "./host-sign.ts";
import type { Lease } from "./lease.ts";
import { judgeAttempt, type Judgement } from "./judge-attempt.ts";

/** A subscriber that takes longer leaves the chunk, so that it holds nobody up. */
const softDeadlineMs = 2000;
/** The same once a later publication of the topic waits. */
const hurriedDeadlineMs = 250;
/** What could not even start leaves a little later: it gets the places of those that take longer. */
const unstartedMs = 2500;

/** Should a checkpoint's moment be missed. */
const longestWaitMs = 1000;

/** A chunk, and how long it is ours. */
export type LeasedChunk = { readonly chunk: ChunkClaim; readonly lease: Lease };

export type ChunkDeps = DeliverDeps & {
  /** When all chunks write down how far they have come, so that one flush to disk serves them all. */
  readonly checkpoints: Moments;
  readonly fanOuts: FanOutStore;
  /** Takes charge of an attempt that left its chunk: it settles like any catch-up attempt. */
  readonly adopt: (settling: Promise<void>) => void;
  /** Without a judgement it was cut short: the claim is given back. */
  readonly settleDetached: (claim: OwnedClaim, judgement: Judgement | undefined) => Promise<void>;
  readonly nudgeCatchUp: () => void;
};

/**
 * Delivers a publication to the subscriptions of a chunk, and writes down how far it came as it goes. Resolves when
 * nothing is left, when the claim is lost, or, once `stopping` or when its lease covers no more sends, when nothing is in
 * flight; the chunk is then given back with what is left.
 */
export async function runChunk(deps: ChunkDeps, leased: LeasedChunk, publication: Publication): Promise<void> {
  const run = new ChunkRun(deps, leased, publication);
  deps.stopping.addEventListener("abort", run.wake);
  try {
    if (!deps.stopping.aborted) run.submitAll();
    let last: Checkpoint;
    do {
      await run.wait();
      await run.leaveOverdue();
      last = await run.checkpoint();
    } while (last === "more");
    // In this very turn: what left while the chunk is being given back would be sent twice.
    run.withdrawAll();
    if (last === "left") await persist(deps.clock, deps.cut, () => deps.fanOuts.release(leased.chunk));
  } finally {
    run.withdrawAll();
    deps.stopping.removeEventListener("abort", run.wake);
  }
}

/** What comes after a checkpoint. `left`: we send no more, but somebody has to. `over`: nothing, or the claim is lost. */
type Checkpoint = "more" | "left" | "over";

class ChunkRun {
  readonly #deps: ChunkDeps;
  readonly #chunk: ChunkClaim;
  readonly #lease: Lease;
  readonly #publication: Publication;
  readonly #sends: ChunkSends;
  readonly #bell: Bell;
  readonly #startedMs: number;
  /** Nothing more is sent. */
  #isOver = false;
  /** Settles when the report being gathered is on disk. */
  #recorded = Promise.withResolvers<void>();

  constructor(deps: ChunkDeps, { chunk, lease }: LeasedChunk, publication: Publication) {
    this.#deps = deps;
    this.#chunk = chunk;
    this.#lease = lease;
    this.#publication = publication;
    this.#sends = new ChunkSends(chunk);
    this.#bell = new Bell(deps.clock);
    this.#startedMs = this.#clock.monotonicMs();
  }

  get #clock(): Clock {
    return this.#deps.clock;
  }

  readonly wake = (): void => {
    this.#bell.ring();
  };

  submitAll(): void {
    const { topicId } = this.#chunk;
    for (const send of this.#sends.todo.values()) {
      send.departure = this.#deps.departures.submit({
        origin: send.origin,
        lane: "first",
        topicId,
        start: () => this.#start(send),
        turnAway: () => this.#turnAway(send),
      });
    }
    if (this.#sends.todo.size === 0) this.#bell.ring();
  }

  /** Takes back what has not started: it stays on the to-do list. */
  withdrawAll(): void {
    for (const send of this.#sends.todo.values()) send.departure?.withdraw();
  }

  async wait(): Promise<void> {
    const callOff = this.#deps.checkpoints.next(this.wake);
    await this.#bell.wait(longestWaitMs);
    callOff();
    if (this.#isEnding) this.withdrawAll();
  }

  /** Hands over to catch-up what would hold the chunk open: the silent, and those whose turn does not come. */
  async leaveOverdue(): Promise<void> {
    if (this.#isEnding) return;
    const nowMs = this.#clock.monotonicMs();
    const age = nowMs - this.#startedMs;
    if (age < hurriedDeadlineMs) return;
    const isLaterWaiting = () => this.#deps.fanOuts.isLaterWaiting(this.#chunk);
    const hurried = await persist(this.#clock, this.#deps.cut, isLaterWaiting);
    const deadlineMs = hurried ? hurriedDeadlineMs : softDeadlineMs;
    for (const send of this.#sends.todo.values()) {
      if (send.startedMs === undefined) this.#leaveUnstarted(send, age);
      else if (nowMs - send.startedMs >= deadlineMs) this.#detach(send);
    }
  }

  /** Writes what is new. */
  async checkpoint(): Promise<Checkpoint> {
    const isIdle = this.#sends.settled === 0 && this.#sends.todo.size > 0;
    if (isIdle && !this.#lease.isAging) return this.#goesOn() ? "more" : "left";
    const { report, troubled } = this.#sends.report(this.#clock.now());
    const kept = await this.#write(report);
    for (const origin of troubled) this.#deps.hosts.trouble(origin);
    if (report.behind.length > 0) this.#deps.nudgeCatchUp();
    if (kept === "lost" || report.left.length === 0) return "over";
    return this.#goesOn() ? "more" : "left";
  }

  async #write(report: ChunkReport): Promise<"kept" | "lost"> {
    const recorded = this.#recorded;
    this.#recorded = Promise.withResolvers<void>();
    try {
      const write = async () => {
        const askedMs = this.#clock.monotonicMs();
        const kept = await this.#deps.fanOuts.checkpoint(this.#chunk, report, this.#clock.now());
        if (kept === "kept") this.#lease.renew(askedMs);
        return kept;
      };
      return await persist(this.#clock, this.#deps.cut, write);
    } finally {
      recorded.resolve();
    }
  }

  get #isEnding(): boolean {
    return this.#isOver || this.#deps.stopping.aborted;
  }

  #goesOn(): boolean {
    return !this.#isEnding || this.#sends.running || this.#sends.settled > 0;
  }

  async #start(send: Send): Promise<HostSign> {
    if (!this.#lease.covers) return this.#giveBack();
    send.startedMs = this.#clock.monotonicMs();
    const attempted = await this.#deps.attempt(this.#publication, send.recipient, 1);
    send.startedMs = undefined;
    const judgement = this.#judge(send, attempted);
    if (send.detach !== undefined) send.detach(judgement);
    else this.#finish(send, judgement);
    return readSign(attempted.answer);
  }

  /** The store could not be asked for long: whoever claims the chunk next sends what is left. */
  #giveBack(): HostSign {
    this.#isOver = true;
    this.#bell.ring();
    return readSign(undefined);
  }

  /** An attempt that was cut short has not happened: its delivery stays on the to-do list. */
  #judge({ recipient }: Send, attempted: Attempted): Judgement | undefined {
    if (!isAnswered(attempted)) return undefined;
    const { topicId, seq } = this.#chunk;
    const { subscriptionId, generation } = recipient;
    const delivery = { topicId, seq, subscriptionId, generation, attempts: 0 };
    return judgeAttempt(delivery, attempted, this.#clock.now(), this.#deps.judge);
  }

  #finish(send: Send, judgement: Judgement | undefined): void {
    if (judgement !== undefined) this.#sends.settle(send, judgement);
    this.#ringIfDone();
  }

  #leaveUnstarted(send: Send, age: number): void {
    if (age < unstartedMs || send.departure?.withdraw() !== true) return;
    this.#sends.leave(send, this.#clock.now(), undefined);
  }

  /** Nothing is sent to its host for now, so it holds up nobody here. */
  #turnAway(send: Send): void {
    this.#sends.leave(send, this.#clock.now(), undefined);
    this.#ringIfDone();
  }

  #ringIfDone(): void {
    const isDone = this.#sends.todo.size === 0 && !this.#deps.departures.isSaturated;
    if (isDone || this.#isEnding) this.#bell.ring();
  }

  #detach(send: Send): void {
    const token = randomUUID();
    const answered = Promise.withResolvers<Judgement | undefined>();
    send.detach = answered.resolve;
    send.departure?.stepAside();
    this.#sends.leave(send, this.#clock.now(), token);
    this.#deps.adopt(this.#settleDetached(send, token, answered.promise, this.#recorded.promise));
  }

  /** Its row must be there before it can be settled. */
  async #settleDetached(
    { recipient, origin }: Send,
    token: string,
    answered: Promise<Judgement | undefined>,
    recorded: Promise<void>,
  ): Promise<void> {
    const judgement = await answered;
    await recorded;
    await this.#deps.settleDetached(
      { subscriptionId: recipient.subscriptionId, seq: this.#chunk.seq, token, origin },
      judgement,
    );
  }
}
