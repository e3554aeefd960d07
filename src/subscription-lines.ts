import { HubError } from "./errors.ts";
import { nearest } from "./config/nearest.ts";
import { quote } from "./model/quote.ts";
import { parseSubscription, type SubscriptionRequest } from "./subscribe/parse-subscription.ts";

/**
 * A subscription as a line of JSON: what `carillon export` writes and `carillon import` reads, README's "Moving subscriptions". The
 * names are those of a subscription request (§5.1) without `hub.`.
 */
export type SubscriptionLine = {
  readonly topic: string;
  readonly callback: string;
  /** ISO 8601, with a time zone. */
  readonly lease_ends_at: string;
  readonly signature_method?: string;
  readonly secret?: string;
  /** It has a secret, and that is not told. */
  readonly has_secret?: true;
};

/** What a line asks for. `endsAt`: the lease as it was granted elsewhere; absent: `leaseSeconds` counts. */
export type ReadLine = SubscriptionRequest & { readonly endsAt: Date | undefined };

const texts = ["topic", "callback", "secret", "signature_method"] as const;
const fields = [...texts, "lease_seconds", "lease_ends_at", "has_secret"] as const;

/** Reads a line. What other hubs know besides has to be taken out before. Throws `invalid_request`: the field, the value, the rule. */
export function readLine(line: string): ReadLine {
  const value = parseJson(line);
  for (const name of Object.keys(value))
    if (!fields.some((known) => known === name))
      throw refusal(`${quote(name)} is not a field: did you mean ${nearest(name, fields)}?`);
  if (value["has_secret"] === true && !value["secret"])
    throw refusal("secret is missing: the export left it out, since it was not asked for with --secrets");
  const form = new URLSearchParams();
  for (const name of texts) {
    const text = value[name] ?? "";
    if (typeof text !== "string")
      throw refusal(`${name}${name === "secret" ? "" : ` ${quote(JSON.stringify(text))}`} must be a string`);
    form.set(`hub.${name}`, text);
  }
  const seconds = value["lease_seconds"] ?? "";
  form.set("hub.lease_seconds", typeof seconds === "string" ? seconds : JSON.stringify(seconds));
  return { ...readRequest(form), endsAt: readTime(value["lease_ends_at"] ?? undefined) };
}

function parseJson(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // told below
  }
  throw refusal("it must be a JSON object");
}

/** The rules are those of a request; only the names are shorter. */
function readRequest(form: URLSearchParams): SubscriptionRequest {
  try {
    return parseSubscription("subscribe", form);
  } catch (error) {
    throw error instanceof HubError ? refusal(inLine(error.message)) : error;
  }
}

/** What is said of a request, as it is said of a line. */
export function inLine(message: string): string {
  return message.replaceAll(/\bhub\.(topic|callback|secret|lease_seconds|signature_method)\b/g, "$1");
}

function readTime(value: unknown): Date | undefined {
  if (value === undefined) return undefined;
  const isTime =
    typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)$/.test(value);
  const time = new Date(isTime ? value : NaN);
  if (!Number.isNaN(time.getTime())) return time;
  throw refusal(
    `lease_ends_at ${quote(typeof value === "string" ? value : JSON.stringify(value))} must be a time such as 2026-01-31T12:00:00Z`,
  );
}

function refusal(message: string): HubError {
  return new HubError("invalid_request", message);
}
