import { createHmac } from "node:crypto";

import type { SignatureMethod } from "../model/signature-method.ts";
import type { Recipient } from "../model/subscription.ts";
import { matchesHost } from "../model/url-pattern.ts";

/** Which method signs for whom (§7.1 has no negotiation). First match wins in `byHost`. */
export type SignaturePolicy = {
  readonly fallback: SignatureMethod;
  readonly byHost: readonly (readonly [pattern: string, method: SignatureMethod])[];
};

/** Policy: what the subscriber asked for, else what the operator says of its host, else the hub's own method. */
export function chooseSignatureMethod(
  recipient: Pick<Recipient, "callback" | "signatureMethod">,
  policy: SignaturePolicy,
): SignatureMethod {
  if (recipient.signatureMethod !== undefined) return recipient.signatureMethod;
  if (policy.byHost.length === 0) return policy.fallback;
  const { hostname } = new URL(recipient.callback);
  const rule = policy.byHost.find(([pattern]) => matchesHost(hostname, pattern));
  return rule?.[1] ?? policy.fallback;
}

/** The value of X-Hub-Signature (§7.1): an HMAC over exactly the bytes of the body, keyed by the secret's UTF-8 bytes. */
export function sign(method: SignatureMethod, secret: string, body: Buffer): string {
  return `${method}=${createHmac(method, secret).update(body).digest("hex")}`;
}
