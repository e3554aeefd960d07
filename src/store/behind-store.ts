import type { AttemptRecord, CatchUpClaim, CatchUpOutcome } from "../model/delivery.ts";

type Claim = Pick<CatchUpClaim, "subscriptionId" | "seq" | "token">;

/** An origin that may have more claims under way than others. */
export type RaisedLimit = { readonly origin: string; readonly limit: number };

/** Subscriptions that are not up to date: one row each, however many publications they miss. */
export interface BehindStore {
  /**
   * Claim due rows for one attempt each. Origins come in the order of their earliest row, but not while their breaker is
   * open; each gets what it has room for (`perOrigin` or its raised limit, less what is under way), in due order. On `latest`
   * topics the attempt is about the newest publication handed over. Nobody whose lease is over is claimed, and nobody who is
   * owed nothing. Resolves to fewer than there are if those are many, but to none only if there are none.
   */
  claimCatchUps(
    limit: number,
    perOrigin: number,
    now: Date,
    raised?: readonly RaisedLimit[],
  ): Promise<readonly CatchUpClaim[]>;

  /**
   * For each origin claim the row that would be due first, due or not, though its breaker is open and whatever is under way;
   * `undefined` where none waits. In all else like `claimCatchUps`.
   */
  claimProbes(origins: readonly string[], now: Date): Promise<readonly (CatchUpClaim | undefined)[]>;

  /** Give a claim back as it was. No-op if it is lost. */
  release(claim: Claim): Promise<void>;

  /**
   * Settle a claimed attempt and log it, in one transaction. `delivered`: `more` if newer publications were handed over
   * (the row is then due at once), else `done`. `given_up`: waits with what is owed next; if that is nothing, the row only
   * keeps the time before which the subscription is not tried again. `failed`: waits. `gone`: the subscription ends,
   * unless it was renewed after the attempt began. `lost`: the claim is, and only the log was written; what
   * would have been given up is there a failure.
   */
  settleCatchUp(
    claim: Claim,
    outcome: CatchUpOutcome,
    log: AttemptRecord,
    now: Date,
  ): Promise<"done" | "more" | "waits" | "lost">;

  /**
   * Make up to `limit` waiting rows of an origin due that such a recovery hastens. Each is hastened once; its schedule
   * stays what it was. Resolves to how many.
   */
  hasten(origin: string, by: "recovery" | "success", limit: number, now: Date): Promise<number>;

  /** Origins with rows that something hastens. */
  listTroubled(): Promise<readonly string[]>;

  /**
   * Give up what up to `limit` waiting rows owe of publications older than `before`, and log it, one record for each row
   * with the number of publications. Resolves to how many rows.
   */
  giveUpOld(before: Date, limit: number, now: Date): Promise<number>;

  /** Remove up to `limit` rows that owe nothing and whose wait is over. Resolves to how many. */
  removeSettled(limit: number, now: Date): Promise<number>;
}
