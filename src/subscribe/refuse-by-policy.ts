import { HubError } from "../errors.ts";
import type { Blockable } from "../model/block.ts";
import { topicIdentity } from "../model/http-url.ts";
import { quote, quoteCallback } from "../model/quote.ts";
import { passesLists } from "../model/url-pattern.ts";
import type { SubscriptionRequest } from "./parse-subscription.ts";

/** What the operator allows, as far as it can be said without asking anybody (§5.1.2). */
export type SubscriptionPolicy = {
  /** Empty: all. */
  readonly topicAllow: readonly string[];
  readonly topicDeny: readonly string[];
  readonly callbackDeny: readonly string[];
  /** Why the operator has blocked this, if so. */
  readonly reasonForBlock: (asked: Blockable) => string | undefined;
  /** Whether a URL leads to this hub itself. */
  readonly isOwnAddress: (url: URL) => boolean;
  /** The address guard: a clause that says why this URL may not be asked, if so. */
  readonly refuseAddress: (url: URL) => string | undefined;
};

/**
 * Refuses what policy forbids, before anything is stored. Unsubscribing is never refused by a list: who is subscribed
 * must be able to leave. Throws `policy_forbidden`, or `address_forbidden` where the address guard says no.
 */
export function refuseByPolicy(request: SubscriptionRequest, client: string, policy: SubscriptionPolicy): void {
  refuseAddress(`hub.topic ${quote(request.topicAsAsked)}`, request.topic, policy);
  refuseAddress(`hub.callback ${quoteCallback(request.callbackAsAsked)}`, request.callback, policy);
  if (request.mode === "unsubscribe") return;
  refuseTopic(request, policy);
  refuseBlocked(request, client, policy);
  if (!passesLists(request.callback, [], policy.callbackDeny)) {
    const asked = quoteCallback(request.callbackAsAsked);
    throw new HubError("policy_forbidden", `hub.callback ${asked} is not a callback this hub delivers to`);
  }
}

function refuseBlocked(request: SubscriptionRequest, client: string, { reasonForBlock }: SubscriptionPolicy): void {
  const { topic, topicAsAsked, callbackAsAsked: callback } = request;
  const reason = reasonForBlock({ topic: topicIdentity(topic), callback, client });
  if (reason === undefined) return;
  const asked = `hub.topic ${quote(topicAsAsked)} with hub.callback ${quoteCallback(callback)}`;
  throw new HubError("policy_forbidden", `${asked} is blocked: ${reason}`);
}

function refuseTopic(
  { topic, topicAsAsked }: SubscriptionRequest,
  { topicAllow, topicDeny }: SubscriptionPolicy,
): void {
  if (!passesLists(topic, topicAllow, topicDeny)) {
    throw new HubError("policy_forbidden", `hub.topic ${quote(topicAsAsked)} is not a topic this hub serves`);
  }
}

function refuseAddress(asked: string, url: URL, policy: SubscriptionPolicy): void {
  if (policy.isOwnAddress(url)) {
    throw new HubError("address_forbidden", `${asked}: ${url.host} is this hub's own address`);
  }
  const reason = policy.refuseAddress(url);
  if (reason !== undefined) throw new HubError("address_forbidden", `${asked}: ${reason}`);
}
