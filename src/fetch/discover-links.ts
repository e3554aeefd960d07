import type { AdvertisedLinks } from "../model/topic.ts";
import { bodyFormat } from "./body-format.ts";
import { decodeText } from "./decode-text.ts";
import { discoverHtml } from "./discover-html.ts";
import { discoverJson } from "./discover-json.ts";
import { discoverXml } from "./discover-xml.ts";
import { type FoundLink, resolveLink } from "./found-link.ts";
import { parseLinkHeader } from "./parse-link-header.ts";

/** A topic that names more hubs than this is read no further. */
const maxHubs = 16;

/**
 * It bounds the time that reading takes. Links stand at the top of a document, so of markup this much is read;
 * JSON is parsed as a whole or not at all.
 */
const maxReadBytes = 256 * 1024;

/** A topic as it was served. */
export type DiscoverySource = {
  /** After redirects: relative links are resolved against it. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  /** With content codings taken off. */
  readonly body: Buffer;
};

/**
 * The hubs and the self link a topic advertises (§4): Link headers first, then what HTML, Atom, RSS or
 * JSON Feed hold. The first self counts; hubs come without repetition, at most 16. Never throws:
 * what cannot be read is as good as absent.
 */
export function discoverLinks(source: DiscoverySource): AdvertisedLinks {
  const inHeader = parseLinkHeader(source.headers["link"] ?? "");
  const links = [...inHeader, ...discoverInBody(source)];
  const hubs = hrefsOf(links, "hub", source.url);
  return { hubs: [...new Set(hubs)].slice(0, maxHubs), self: hrefsOf(links, "self", source.url)[0] };
}

function hrefsOf(links: readonly FoundLink[], rel: string, url: string): readonly string[] {
  return links.filter((link) => link.rels.includes(rel)).flatMap((link) => resolveLink(link.href, url) ?? []);
}

function discoverInBody({ url, contentType, body }: DiscoverySource): readonly FoundLink[] {
  const markup = body.subarray(0, maxReadBytes);
  switch (bodyFormat(contentType, body)) {
    case "html":
      return discoverHtml(decodeText(markup, contentType), url);
    case "xml":
      return discoverXml(decodeText(markup, contentType), url);
    case "json":
      return body.length <= maxReadBytes ? discoverJson(decodeText(body, contentType), url) : [];
    case "other":
      return [];
  }
}
