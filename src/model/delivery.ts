import type { PublicationKey } from "./publication.ts";
import type { Recipient } from "./subscription.ts";

/** How one attempt ended. Only the status line counts (§7); the rest of the answer is ignored. */
export type AttemptAnswer =
  | { readonly kind: "answered"; readonly status: number; readonly retryAfterSeconds: number | undefined }
  /** No connection, no answer in time, or none that is HTTP. */
  | { readonly kind: "failed"; readonly fault: "unreachable" | "timeout" | "broken"; readonly reason: string }
  /** A fault of our own, such as no descriptors or no name server: it counts against nobody. */
  | { readonly kind: "hindered"; readonly reason: string };

/** One line of the delivery log. */
export type AttemptRecord = PublicationKey & {
  readonly at: Date;
  /** Absent where one record stands for `count` successes of a chunk. */
  readonly subscriptionId: number | undefined;
  /** More than one where publications were given up together; `seq` is the last of them. */
  readonly count: number;
  /** 1-based. */
  readonly attempt: number;
  readonly outcome: "delivered" | "failed" | "given_up" | "gone";
  readonly status: number | undefined;
  readonly reason: string | undefined;
  readonly durationMs: number;
};

/** About 1000 subscriptions of a fan-out, claimed for delivery by this process. */
export type ChunkClaim = PublicationKey & {
  readonly id: number;
  readonly token: string;
  readonly recipients: readonly Recipient[];
  /** False on large topics, where one record stands for all successes of a chunk. */
  readonly logSuccesses: boolean;
};

/**
 * What makes a waiting delivery due before its time. `recovery`: its host's breaker closing. `success`: that, and any 2xx of
 * its host. `nothing`: it was this callback that failed, not its host.
 */
export type HastenedBy = "nothing" | "recovery" | "success";

/** When a delivery that failed is tried again. */
export type Wait = {
  /** Attempts made. 0: it could not start, which counts for nothing. */
  readonly attempts: number;
  readonly dueAt: Date;
  readonly hastenedBy: HastenedBy;
};

/** A subscription that leaves a chunk's to-do list and is behind from now on. */
export type FallBehind = Wait & {
  readonly subscriptionId: number;
  /** Set while the attempt still runs: it owns the row and settles it like any catch-up attempt. */
  readonly token: string | undefined;
};

/** A 410. It ends the subscription unless that was renewed meanwhile; then it falls behind like any failure. */
export type Gone = FallBehind & Pick<Recipient, "generation">;

/** What one checkpoint writes about a chunk. */
export type ChunkReport = {
  /** Ids still to do; empty closes the chunk. */
  readonly left: readonly number[];
  readonly delivered: number;
  readonly behind: readonly FallBehind[];
  readonly gone: readonly Gone[];
  readonly log: readonly AttemptRecord[];
};

/** A subscription that is behind, claimed for one attempt by this process. */
export type CatchUpClaim = PublicationKey &
  Recipient & {
    readonly token: string;
    /** Attempts made before; a hand-over of something newer does not begin anew. */
    readonly attempts: number;
    /** When its schedule has it tried. Later than now: it was hastened, or probes its host, and uses up no attempt. */
    readonly retryAt: Date;
  };

/**
 * What became of a catch-up attempt. `seq` is the publication it was about. After `given_up` the subscription is tried with
 * what it is owed next, if anything.
 */
export type CatchUpOutcome =
  | { readonly kind: "delivered" }
  | (Wait & { readonly kind: "given_up" })
  | (Wait & { readonly kind: "failed" })
  | (Wait & { readonly kind: "gone"; readonly generation: number });
