import type { IntentClaim, IntentDecision, NewIntent } from "../model/intent.ts";

/** Intents awaiting verification (§5.1-5.3). */
export interface IntentStore {
  /**
   * Record an intent; it is due at once, or when those before it are settled. Intents for one (topic, callback) stay apart and
   * are verified one by one, so a forged request cannot displace a genuine one in flight. An intent that equals the pair's newest one, while
   * that is not under way, is the same request again and adds nothing. Unsubscribing an unknown pair is not recorded.
   */
  addIntent(intent: NewIntent, now: Date): Promise<void>;

  /**
   * Claim due intents, oldest of each pair only, so that at most `perOrigin` are under way per callback origin. Resolves to
   * fewer than there are if those are many, but to none only if there are none.
   */
  claimIntents(limit: number, perOrigin: number, now: Date): Promise<readonly IntentClaim[]>;

  /**
   * Settle a claimed intent. `apply` creates, renews or removes the subscription in the same transaction, and a
   * renewal keeps its id and the publications it is owed. `retry` makes it due then, with the count of tries it is told.
   * `deny` makes the notice due, its tries counted from 0; `drop` keeps the reason for a while. Both leave the
   * subscription as it was (§5.1): anybody may have asked. Resolves to false, and nothing is written, if the claim is lost.
   */
  settleIntent(claim: IntentClaim, decision: IntentDecision, now: Date): Promise<boolean>;

  /** Give a claim back as it was. No-op if it is lost. */
  release(claim: IntentClaim): Promise<void>;

  /** Remove up to `limit` dropped intents older than `before`. Resolves to how many. */
  removeDropped(before: Date, limit: number): Promise<number>;
}
