import { createHash } from "node:crypto";

import type { Publication } from "../model/publication.ts";
import type { Recipient } from "../model/subscription.ts";
import { chooseSignatureMethod, sign, type SignaturePolicy } from "./signature.ts";

export type HeaderPolicy = {
  /** This hub's public URL: the hub link of topics that advertise none. */
  readonly hubUrl: string;
  /** What this hub answers at: of several advertised hubs it is the one told. */
  readonly ourUrls: readonly string[];
  readonly userAgent: string;
  readonly signatures: SignaturePolicy;
};

/**
 * The headers of a delivery (§7). One Link header, self first, since clients in use read only the first link. Nothing
 * of the publisher's but the Content-Type goes out.
 */
export function deliveryHeaders(
  publication: Publication,
  recipient: Omit<Recipient, "generation">,
  attempt: number,
  now: Date,
  policy: HeaderPolicy,
): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": publication.contentType,
    link: linkHeader(publication, policy),
    "user-agent": policy.userAgent,
    "webhook-id": webhookId(publication, recipient.subscriptionId),
    "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
    "carillon-attempt": String(attempt),
  };
  if (recipient.secret !== undefined) {
    const method = chooseSignatureMethod(recipient, policy.signatures);
    headers["x-hub-signature"] = sign(method, recipient.secret, publication.body);
  }
  return headers;
}

/** The links as the topic advertises them, never as somebody subscribed to it (§7). Of several hubs ours comes first. */
export function linkHeader({ topicUrl, links }: Publication, { hubUrl, ourUrls }: HeaderPolicy): string {
  const hub = links.hubs.find((url) => ourUrls.includes(url)) ?? links.hubs[0] ?? hubUrl;
  return `<${links.self ?? topicUrl}>; rel="self", <${hub}>; rel="hub"`;
}

/**
 * The same on every attempt of a delivery, and of no other: a receiver may drop what it has seen. The date keeps ids
 * apart when a database is begun anew.
 */
export function webhookId({ topicUrl, seq, publishedAt }: Publication, subscriptionId: number): string {
  const parts = [topicUrl, seq, publishedAt.getTime(), subscriptionId].join("\n");
  return createHash("sha256").update(parts).digest("base64url").slice(0, 27);
}
