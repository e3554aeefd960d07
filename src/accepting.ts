import type { Blocks } from "./blocks.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config.ts";
import { HubError } from "./errors.ts";
import type { HubSteps } from "./http/hub-endpoint.ts";
import type { Blockable } from "./model/block.ts";
import type { IntentCaps } from "./model/intent.ts";
import { createReachGuard } from "./outbound/reach.ts";
import { acceptPing } from "./publish/accept-ping.ts";
import { createSecrets } from "./secrets.ts";
import type { StageDeps } from "./stages.ts";
import { acceptSubscription } from "./subscribe/accept-subscription.ts";
import type { LeasePolicy } from "./subscribe/grant-lease.ts";
import type { SubscriptionPolicy } from "./subscribe/refuse-by-policy.ts";

/** Requests of one client for one topic and callback that wait: each is verified in turn, before any that comes later. */
const pendingPerPair = 8;

export type AcceptingDeps = Pick<StageDeps, "config" | "store" | "address" | "room" | "blocks"> & {
  readonly clock: Clock;
};

export type Nudges = {
  readonly minIntervalMs: number;
  readonly nudgeFetch: () => void;
  readonly nudgeVerification: () => void;
};

/** What the hub does with what is POSTed to it. */
export function createHubSteps(
  deps: AcceptingDeps,
  { minIntervalMs, nudgeFetch, nudgeVerification }: Nudges,
): HubSteps {
  const { config, clock, store, room, blocks } = deps;
  const subscribing = {
    intents: store.intents,
    clock,
    policy: policyOf(deps),
    leases: leasesOf(config),
    caps: capsOf(config),
    sealSecret: createSecrets(config.secretKeys).seal,
    nudgeVerification,
  };
  const publishing = { topics: store.topics, clock, minIntervalMs, nudgeFetch };
  return {
    async acceptSubscription(mode, form, client) {
      room.assertSpace();
      await room.admit(() => acceptSubscription(subscribing, mode, form, client));
    },
    async acceptPing(form, client) {
      refuseClient(blocks, client);
      room.assertSpace();
      await acceptPing(publishing, form);
    },
  };
}

/** Which subscriptions the operator allows. */
export function policyOf({
  config,
  clock,
  address,
  blocks,
}: Pick<AcceptingDeps, "config" | "clock" | "address" | "blocks">): SubscriptionPolicy {
  const { topicAllow, topicDeny, callbackDeny } = config;
  const guard = createReachGuard({ ...config, clock });
  return {
    topicAllow,
    topicDeny,
    callbackDeny,
    isOwnAddress: address.contains,
    refuseAddress: guard.refuseUrl,
    reasonForBlock: (asked: Blockable) => blocks.reasonFor(asked),
  };
}

export function leasesOf({ leaseMinSeconds, leaseDefaultSeconds, leaseMaxSeconds }: Config): LeasePolicy {
  return { min: leaseMinSeconds, fallback: leaseDefaultSeconds, max: leaseMaxSeconds };
}

function refuseClient(blocks: Blocks, client: string): void {
  const reason = blocks.ofClient(client);
  if (reason !== undefined) throw new HubError("policy_forbidden", `${client} is blocked: ${reason}`);
}

export function capsOf(config: Config): IntentCaps {
  return {
    client: orAny(config.pendingPerClient),
    pair: pendingPerPair,
    host: orAny(config.pendingPerHost),
    subscriptions: orAny(config.subscriptionsPerHost),
    perMinute: orAny(config.verificationsPerMinute),
  };
}

/** How often one callback host is told what the hub itself has ended. The other half is for what it asks for meanwhile. */
export function noticesPerMinuteOf(config: Config): number {
  return capsOf(config).perMinute / 2;
}

/** In settings 0 is no limit. */
function orAny(limit: number): number {
  return limit === 0 ? Infinity : limit;
}
