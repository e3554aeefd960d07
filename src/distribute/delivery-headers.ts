import { hash } from "node:crypto";

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
 * The headers of all deliveries of a publication (§7). One Link header, self first, since clients in use read only the first
 * link. Nothing of the publisher's but the Content-Type goes out.
 */
export function publicationHeaders(publication: Publication, policy: HeaderPolicy): Record<string, string> {
  return {
    "content-type": publication.contentType,
    link: linkHeader(publication, policy),
    "user-agent": policy.userAgent,
  };
}

/** The header lines that one attempt of a delivery has besides: of the hub's making, every byte. Takes the secret opened. */
export function attemptLines(
  publication: Publication,
  recipient: Omit<Recipient, "generation">,
  attempt: number,
  now: Date,
  { signatures }: HeaderPolicy,
): string {
  const id = webhookId(publication, recipient.subscriptionId);
  const seconds = Math.floor(now.getTime() / 1000);
  const lines = `webhook-id: ${id}\r\nwebhook-timestamp: ${seconds}\r\ncarillon-attempt: ${attempt}\r\n`;
  if (recipient.secret === undefined) return lines;
  const method = chooseSignatureMethod(recipient, signatures);
  return `${lines}x-hub-signature: ${sign(method, recipient.secret, publication.body)}\r\n`;
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
  return hash("sha256", parts, "base64url").slice(0, 27);
}
