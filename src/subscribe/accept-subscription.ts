import type { Clock } from "../clock.ts";
import { topicIdentity } from "../model/http-url.ts";
import type { IntentCaps, Mode } from "../model/intent.ts";
import type { Secrets } from "../model/secret.ts";
import type { IntentStore } from "../store/intent-store.ts";
import { grantLease, type LeasePolicy } from "./grant-lease.ts";
import { parseSubscription } from "./parse-subscription.ts";
import { refusalOf } from "./refuse-by-cap.ts";
import { refuseByPolicy, type SubscriptionPolicy } from "./refuse-by-policy.ts";

export type AcceptSubscriptionDeps = {
  readonly intents: IntentStore;
  readonly clock: Clock;
  readonly policy: SubscriptionPolicy;
  readonly leases: LeasePolicy;
  readonly caps: IntentCaps;
  /** What is kept of a secret. */
  readonly sealSecret: Secrets["seal"];
  readonly nudgeVerification: () => void;
};

/**
 * Takes a request to subscribe or unsubscribe (§5.1). Once this resolves it is on disk, and verification will be tried
 * whatever happens to this process (promise A). Nothing else has changed. The answer must not depend on what
 * verification will find (§5.1.2). Throws `invalid_request`, `policy_forbidden`, `address_forbidden`,
 * `too_many_requests`, `store_unavailable`.
 */
export async function acceptSubscription(
  deps: AcceptSubscriptionDeps,
  mode: Mode,
  form: URLSearchParams,
  client: string,
): Promise<void> {
  const request = parseSubscription(mode, form);
  refuseByPolicy(request, client, deps.policy);
  const pair = { topic: topicIdentity(request.topic), callback: request.callbackAsAsked };
  const full = await deps.intents.addIntent(
    {
      mode,
      ...pair,
      topicAsAsked: request.topicAsAsked,
      secret: request.secret && deps.sealSecret(request.secret, pair),
      leaseSeconds: grantLease(request.leaseSeconds, deps.leases),
      verifyToken: request.verifyToken,
      signatureMethod: request.signatureMethod,
      client,
    },
    deps.clock.now(),
    deps.caps,
  );
  if (full !== undefined) throw refusalOf(full, deps.caps[full], request.callback.hostname, client);
  deps.nudgeVerification();
}
