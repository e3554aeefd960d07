import { describeAttemptStore } from "./attempt-store.ts";
import { describeBehindStore } from "./behind-store.ts";
import { describeCatchUpSettling } from "./catch-up-settling.ts";
import { describeCheckpoint } from "./checkpoint.ts";
import { describeClaimLimits } from "./claim-limits.ts";
import { describeFanOutStore } from "./fan-out-store.ts";
import { describeFetchClaims } from "./fetch-claims.ts";
import { describeGiveUp } from "./give-up.ts";
import { describeHasten } from "./hasten.ts";
import { describeHostStore } from "./host-store.ts";
import { describeIntentStore } from "./intent-store.ts";
import { describeLateRenewal } from "./late-renewal.ts";
import { describeLeaseEnd } from "./lease-end.ts";
import { describeOwesNothing } from "./owes-nothing.ts";
import { describeOwnership } from "./ownership.ts";
import { describeProbes } from "./probes.ts";
import { describePublicationOrder } from "./publication-order.ts";
import { describePublicationStore } from "./publication-store.ts";
import { describeRelease } from "./release.ts";
import { describeSettleIntent } from "./settle-intent.ts";
import { describeSubscriptionStore } from "./subscription-store.ts";
import type { OpenStore } from "./support.ts";
import { describeTopicStore } from "./topic-store.ts";

/** Everything the ports promise. */
export function describeStore(open: OpenStore): void {
  describeTopicStore(open);
  describeFetchClaims(open);
  describeIntentStore(open);
  describeSettleIntent(open);
  describeSubscriptionStore(open);
  describePublicationStore(open);
  describeFanOutStore(open);
  describePublicationOrder(open);
  describeCheckpoint(open);
  describeBehindStore(open);
  describeClaimLimits(open);
  describeProbes(open);
  describeHasten(open);
  describeHostStore(open);
  describeGiveUp(open);
  describeOwesNothing(open);
  describeLeaseEnd(open);
  describeLateRenewal(open);
  describeCatchUpSettling(open);
  describeAttemptStore(open);
  describeOwnership(open);
  describeRelease(open);
}
