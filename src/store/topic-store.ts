import type { FetchClaim, FetchOutcome, Topic, TopicPolicy } from "../model/topic.ts";

/** Topics somebody is subscribed to, and the state of their fetches. */
export interface TopicStore {
  find(url: string): Promise<Topic | undefined>;

  /**
   * A publisher's notice (§6) for each URL. A known topic with subscribers is due for a fetch at once, or when
   * `minIntervalMs` have passed since its last fetch began, but never later than it was; a ping while a fetch runs
   * causes one more afterwards.
   * Other URLs cost nothing and are not stored. Resolves to the URLs that had an effect.
   */
  ping(urls: readonly string[], minIntervalMs: number, now: Date): Promise<readonly string[]>;

  /**
   * Claim due fetches, the host with the earliest first, so that at most `perHost` run per host. Resolves to fewer than
   * there are if those are many, but to none only if there are none.
   */
  claimFetches(limit: number, perHost: number, now: Date): Promise<readonly FetchClaim[]>;

  /**
   * Settle a claimed fetch. `changed` stores the publication and starts its fan-out in the same transaction.
   * `failed` keeps its reason and its count of failures; any other outcome clears both.
   * A ping that came since the claim makes the topic due again, `minIntervalMs` after this fetch began.
   * Resolves to false, and nothing is written, if the claim is lost.
   */
  settleFetch(claim: FetchClaim, outcome: FetchOutcome, minIntervalMs: number, now: Date): Promise<boolean>;

  /** Give a claim back: the topic is due as it was. No-op if the claim is lost. */
  release(claim: FetchClaim): Promise<void>;

  /** Whether the topic's subscriptions are owed the newest publication or every one. `not_found` for an unknown URL. */
  setPolicy(url: string, policy: TopicPolicy): Promise<void>;

  /** Forget up to `limit` topics nobody is subscribed to and nothing is on its way for. Resolves to how many. */
  removeIdle(limit: number): Promise<number>;
}
