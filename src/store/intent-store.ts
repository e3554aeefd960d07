import type { IntentCap, IntentCaps, IntentClaim, IntentDecision, NewIntent } from "../model/intent.ts";

/** Intents awaiting verification (§5.1-5.3). */
export interface IntentStore {
  /**
   * Record an intent; it is due at once, or when those before it are settled. Intents for one (topic, callback) stay apart and
   * are verified one by one, so a forged request cannot displace a genuine one in flight. An intent that equals the pair's newest one, while
   * that is not under way, is the same request again and adds nothing. Unsubscribing an unknown pair is not recorded.
   *
   * Resolves to the cap that keeps it out, if one does; then nothing was recorded. `subscriptions` keeps nobody from renewing.
   * Nodes that add in the same moment may together exceed a cap for that once. Absent: no caps.
   */
  addIntent(intent: NewIntent, now: Date, caps?: IntentCaps): Promise<IntentCap | undefined>;

  /**
   * Claim due intents, oldest of each pair only, so that at most `perHost` are under way per callback host; of hosts in
   * `except` none. Resolves to fewer than there are if those are many, but to none only if there are none.
   */
  claimIntents(limit: number, perHost: number, now: Date, except?: readonly string[]): Promise<readonly IntentClaim[]>;

  /**
   * Settle a claimed intent. `apply` creates, renews or removes the subscription in the same transaction, with the secret as the
   * store has it by now, and a renewal keeps its id and the publications it is owed. `retry` makes it due then, with the count of tries it is told.
   * `deny` makes the notice due, its tries counted from 0; `drop` keeps the reason for a while. Both leave the
   * subscription as it was (§5.1): anybody may have asked. `lost`: the claim is; `full`: the callback's host has
   * `subscriptionsPerHost`, and `apply` would add one. Then nothing is written, and a claim that is not lost is still held.
   */
  settleIntent(
    claim: IntentClaim,
    decision: IntentDecision,
    now: Date,
    subscriptionsPerHost?: number,
  ): Promise<"settled" | "lost" | "full">;

  /** How many are pending in all. */
  countPending(): Promise<number>;

  /** Give a claim back as it was. No-op if it is lost. */
  release(claim: IntentClaim): Promise<void>;

  /** Remove up to `limit` intents that were dropped before `before`, or lie beyond the newest `keep`. Resolves to how many. */
  removeDropped(before: Date, keep: number, limit: number): Promise<number>;
}
