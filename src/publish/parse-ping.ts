import { HubError } from "../errors.ts";
import { parseHttpUrl, topicIdentity } from "../model/http-url.ts";
import { quote } from "../model/quote.ts";

const fields = ["hub.url", "hub.topic", "hub.url[]", "hub.topic[]"] as const;
/** Bounds how much work one request can ask for. */
const maxTopics = 100;

/** The URLs one value may mean: itself, or, if that is no topic anybody knows, what its sender is known to mangle. */
export type PingedValue = { readonly url: string; readonly otherwise: readonly string[] };

/** Reads the topics of a ping (§6), in any of the spellings in use. Throws `invalid_request`, `too_large`. */
export function parsePing(form: URLSearchParams): readonly PingedValue[] {
  const values = new Set(fields.flatMap((field) => form.getAll(field)).filter((value) => value !== ""));
  if (values.size === 0) throw new HubError("invalid_request", "hub.url is missing: it names the topic that changed");
  if (values.size > maxTopics) {
    throw new HubError("too_large", `hub.url names ${values.size} topics; one request may name ${maxTopics}`);
  }
  return [...values].map(parseValue);
}

function parseValue(value: string): PingedValue {
  const parsed = parseHttpUrl(value);
  if (parsed.kind === "fault") throw new HubError("invalid_request", `hub.url ${quote(value)} ${parsed.fault}`);
  const whole = topicIdentity(parsed.url);
  return {
    url: whole,
    otherwise: [...unescapeAmpersands(value), ...splitCommas(value)].filter((url) => url !== whole),
  };
}

/** A WordPress site with plain permalinks pings URLs escaped for HTML. */
function unescapeAmpersands(value: string): readonly string[] {
  return value.includes("&amp;") ? identities([value.replaceAll("&amp;", "&")]) : [];
}

/** Some publishers join URLs by commas, which are legal in URLs. */
function splitCommas(value: string): readonly string[] {
  const parts = value.split(",");
  return parts.length > 1 ? identities(parts) : [];
}

/** All of them, or none if one is no URL. */
function identities(values: readonly string[]): readonly string[] {
  const parsed = values.map(parseHttpUrl);
  const urls = parsed.flatMap((each) => (each.kind === "url" ? [topicIdentity(each.url)] : []));
  return urls.length === values.length ? urls.slice(0, maxTopics) : [];
}
