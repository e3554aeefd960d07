import { HubError } from "../errors.ts";
import { parseHttpUrl } from "../model/http-url.ts";
import type { Mode } from "../model/intent.ts";
import { quote, quoteCallback } from "../model/quote.ts";
import { type SignatureMethod, signatureMethods } from "../model/signature-method.ts";

/** A subscription request as it came over the wire (§5.1), checked for form only. */
export type SubscriptionRequest = {
  readonly mode: Mode;
  readonly topic: URL;
  readonly topicAsAsked: string;
  readonly callback: URL;
  readonly callbackAsAsked: string;
  readonly secret: string | undefined;
  readonly leaseSeconds: number | undefined;
  readonly verifyToken: string | undefined;
  readonly signatureMethod: SignatureMethod | undefined;
};

/**
 * Reads the parameters of §5.1. What it does not know it ignores, hub.verify among it; of a repeated one the first
 * counts. Throws `invalid_request`.
 */
export function parseSubscription(mode: Mode, form: URLSearchParams): SubscriptionRequest {
  const callbackAsAsked = required(form, "hub.callback");
  const topicAsAsked = required(form, "hub.topic");
  return {
    mode,
    topic: toUrl("hub.topic", topicAsAsked, quote),
    topicAsAsked,
    callback: toUrl("hub.callback", callbackAsAsked, quoteCallback),
    callbackAsAsked,
    secret: parseSecret(form.get("hub.secret")),
    // An unsubscription has no lease, so whatever stands there is ignored (§5.1).
    leaseSeconds: mode === "subscribe" ? parseLease(form.get("hub.lease_seconds")) : undefined,
    verifyToken: parseVerifyToken(form.get("hub.verify_token")),
    signatureMethod: parseSignatureMethod(form.get("hub.signature_method")),
  };
}

function required(form: URLSearchParams, field: string): string {
  const value = form.get(field);
  if (!value) throw new HubError("invalid_request", `${field} is missing`);
  return value;
}

function toUrl(field: string, value: string, tell: typeof quote): URL {
  const parsed = parseHttpUrl(value);
  if (parsed.kind === "fault") throw new HubError("invalid_request", `${field} ${tell(value)} ${parsed.fault}`);
  return parsed.url;
}

/** §5.1: less than 200 bytes. Policy: an empty one is none. The value is never repeated in an error. */
function parseSecret(value: string | null): string | undefined {
  if (!value) return undefined;
  const bytes = Buffer.byteLength(value);
  if (bytes >= 200) throw new HubError("invalid_request", `hub.secret is ${bytes} bytes long; it must be under 200`);
  return value;
}

/** §5.1: a positive decimal integer. Policy: as many digits as anybody likes; the grant is clamped. */
function parseLease(value: string | null): number | undefined {
  if (!value) return undefined;
  if (!/^0*[1-9]\d*$/.test(value)) {
    throw new HubError(
      "invalid_request",
      `hub.lease_seconds ${quote(value)} must be a positive whole number of seconds`,
    );
  }
  return Number(value);
}

/** PubSubHubbub 0.3: echoed in the verification. Policy: at most 1024 bytes, to bound what the hub keeps and sends. */
function parseVerifyToken(value: string | null): string | undefined {
  if (!value) return undefined;
  const bytes = Buffer.byteLength(value);
  if (bytes > 1024)
    throw new HubError("invalid_request", `hub.verify_token is ${bytes} bytes long; at most 1024 are taken`);
  return value;
}

/** Extension: the method of X-Hub-Signature that this subscriber wants (§7.1 has no negotiation). */
function parseSignatureMethod(value: string | null): SignatureMethod | undefined {
  if (!value) return undefined;
  const method = signatureMethods.find((known) => known === value);
  if (method === undefined) {
    const known = signatureMethods.join(", ");
    throw new HubError("invalid_request", `hub.signature_method ${quote(value)} must be one of ${known}`);
  }
  return method;
}
