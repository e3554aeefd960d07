import type { NewIntent } from "../model/intent.ts";
import type { Subscription } from "../model/subscription.ts";

/** The host of the callback has as many subscriptions as it may. */
export class HostFull extends Error {
  override readonly name = "HostFull";
  /** The first one that is too many. */
  readonly intent: NewIntent;

  constructor(intent: NewIntent) {
    super("the host of a callback has as many subscriptions as it may");
    this.intent = intent;
  }
}

/** Verified (topic, callback) pairs. They are created and changed by settling intents, or vouched for by the operator. */
export interface SubscriptionStore {
  find(topic: string, callback: string): Promise<Subscription | undefined>;

  /**
   * End up to `limit` subscriptions whose lease is over (§5.3.1), and log what they are still owed as given up. Those in an
   * open chunk or a claimed catch-up come later, when that has ended. Resolves to how many.
   */
  endLapsed(now: Date, limit: number): Promise<number>;

  /**
   * The operator vouches for these, at most one of each pair: they begin as if verified now, all or none, in one transaction. Who
   * is subscribed already is left as it is. Throws `HostFull`, and adds none, when one would be more than
   * `subscriptionsPerHost` of its callback's host. Resolves to how many were added.
   */
  vouch(wanted: readonly NewIntent[], now: Date, subscriptionsPerHost: number): Promise<number>;

  /** The operator ends a subscription. Resolves to false if there is none. */
  remove(topic: string, callback: string): Promise<boolean>;
}
