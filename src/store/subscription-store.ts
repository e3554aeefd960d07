import type { Subscription } from "../model/subscription.ts";

/** Verified (topic, callback) pairs. They are created and changed by settling intents only. */
export interface SubscriptionStore {
  find(topic: string, callback: string): Promise<Subscription | undefined>;

  /**
   * End up to `limit` subscriptions whose lease is over (§5.3.1), and log what they are still owed as given up. Those in an
   * open chunk or a claimed catch-up come later, when that has ended. Resolves to how many.
   */
  endLapsed(now: Date, limit: number): Promise<number>;

  /** The operator ends a subscription. Resolves to false if there is none. */
  remove(topic: string, callback: string): Promise<boolean>;
}
