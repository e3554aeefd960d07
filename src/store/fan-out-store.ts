import type { ChunkClaim, ChunkReport } from "../model/delivery.ts";
import type { PublicationKey } from "../model/publication.ts";

/** How far a publication has come: the figures of its receipt. */
export type FanOutProgress = {
  /** Every subscription was cut or handed over, and no chunk is open. */
  readonly done: boolean;
  readonly delivered: number;
  /** Failed or too slow at first, so left to catch-up. */
  readonly behind: number;
  /** Were behind already, so left to catch-up. */
  readonly handedOver: number;
  /** Ended by a 410. */
  readonly gone: number;
};

/**
 * Publications on their way (DESIGN 5, engine-protocol). Every (subscription, publication) owed has one owner: not yet
 * cut, in a chunk's to-do list, or in the subscription's behind row.
 */
export interface FanOutStore {
  /**
   * Claim work: a chunk whose former owner is gone, with exactly what it has left to do; else cut the next one.
   * Publication N+1 of a topic is cut only when N is done. Subscriptions that are behind are handed over, not cut.
   * `cut` without a chunk means that all of a page was handed over: ask again. Fan-outs take turns; of topics in `except`
   * nothing is cut.
   */
  claimChunk(
    now: Date,
    except?: readonly number[],
  ): Promise<{ readonly kind: "idle" | "cut" } | { readonly kind: "chunk"; readonly chunk: ChunkClaim }>;

  /**
   * Write what has happened in a chunk, in one transaction, and close it when nothing is left.
   * `lost`: the claim is, nothing was written, and sending must stop.
   */
  checkpoint(chunk: ChunkClaim, report: ChunkReport, now: Date): Promise<"kept" | "lost">;

  /** Give a chunk back with what it has left to do. No-op if the claim is lost. */
  release(chunk: ChunkClaim): Promise<void>;

  /** Whether a later publication of the topic waits for this one to be done. */
  isLaterWaiting(key: PublicationKey): Promise<boolean>;

  /** Absent when unknown, or long done. */
  progress(key: PublicationKey): Promise<FanOutProgress | undefined>;

  /** Remove up to `limit` fan-outs that were done before `before` and whose publication is gone. Resolves to how many. */
  removeDone(before: Date, limit: number): Promise<number>;
}
