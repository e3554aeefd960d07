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
  const pinged = [...values].flatMap(parseValue);
  const named = new Set(pinged.flatMap(({ url, otherwise }) => (otherwise.length > 0 ? otherwise : [url]))).size;
  if (named > maxTopics) {
    throw new HubError("too_large", `hub.url names ${named} topics; one request may name ${maxTopics}`);
  }
  return pinged;
}

function parseValue(value: string): readonly PingedValue[] {
  const parsed = parseHttpUrl(value);
  const listed = splitCommas(value);
  if (parsed.kind === "url") {
    const whole = topicIdentity(parsed.url);
    return [{ url: whole, otherwise: [...unescapeAmpersands(value), ...listed].filter((url) => url !== whole) }];
  }
  // No topic has such a URL, but a list is longer than a URL may be.
  if (listed.length > 0) return listed.map((url) => ({ url, otherwise: [] }));
  throw new HubError("invalid_request", `hub.url ${quote(value)} ${parsed.fault}`);
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
  return urls.length === values.length ? urls : [];
}
