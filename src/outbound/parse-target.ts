import { OutboundError } from "./failure.ts";
import { requestTarget } from "./request-target.ts";

/** Where a connection leads. */
export type DialTarget = {
  /** `http:` or `https:`. */
  readonly protocol: string;
  /** Without the brackets of an IPv6 literal. */
  readonly hostname: string;
  /** Empty: the scheme's own. */
  readonly port: string;
};

/** Where a request goes, and what its first lines say. */
export type Target = DialTarget & {
  readonly origin: string;
  /** With the port, unless it is the scheme's own. */
  readonly host: string;
  readonly path: string;
};

/** Throws an OutboundError for what is no http(s) URL. */
export function parseTarget(text: string): Target {
  const url = parseUrl(text);
  const { origin, protocol, hostname, port, host } = url;
  const bare = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  return { origin, protocol, hostname: bare, port, host, path: requestTarget(text, url) };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null) throw new OutboundError("broken", "the URL cannot be parsed");
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new OutboundError("forbidden", "the URL is not http or https");
  return url;
}
