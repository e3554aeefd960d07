import type { AttemptRecord, CatchUpClaim, CatchUpOutcome } from "../model/delivery.ts";

/** Subscriptions that are not up to date: one row each, however many publications they miss. */
export interface BehindStore {
  /**
   * Claim due rows for one attempt each, earliest first, at most `perOrigin` under way per callback origin. On `latest`
   * topics the attempt is about the newest publication handed over. Nobody whose lease is over is claimed.
   */
  claimCatchUps(limit: number, perOrigin: number, now: Date): Promise<readonly CatchUpClaim[]>;

  /**
   * Settle a claimed attempt and log it, in one transaction. `delivered` and `given_up`: `more` if newer publications
   * were handed over (the row is then due at once), else `done`. `failed`: waits. `gone`: the subscription ends, unless
   * it was renewed after the attempt began. `lost`: the claim is, and only the log was written.
   */
  settleCatchUp(
    claim: Pick<CatchUpClaim, "subscriptionId" | "seq" | "token">,
    outcome: CatchUpOutcome,
    log: AttemptRecord,
    now: Date,
  ): Promise<"done" | "more" | "waits" | "lost">;
}
