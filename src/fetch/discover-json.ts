import { z } from "zod";
import { type FoundLink, maxFoundLinks, resolveLink } from "./found-link.ts";

/** PubSubHubbub is what WebSub was called before. */
const hubTypes: readonly string[] = ["websub", "pubsubhubbub"];

const hubSchema = z.object({ type: z.string(), url: z.string() });

/** A fault in one member costs only that member. */
const feedSchema = z.object({
  feed_url: z.string().optional().catch(undefined),
  hubs: z.array(z.unknown()).optional().catch(undefined),
});

/** The links of a JSON Feed (jsonfeed.org/version/1.1): `hubs` of type WebSub, and `feed_url` as self. */
export function discoverJson(text: string, url: string): readonly FoundLink[] {
  const feed = feedSchema.safeParse(parseJson(text)).data;
  if (feed === undefined) return [];
  const hubs = (feed.hubs ?? []).slice(0, maxFoundLinks).flatMap((hub) => foundLink(hubUrl(hub), "hub", url));
  return [...hubs, ...foundLink(feed.feed_url, "self", url)];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function hubUrl(value: unknown): string | undefined {
  const hub = hubSchema.safeParse(value).data;
  return hub !== undefined && hubTypes.includes(hub.type.toLowerCase()) ? hub.url : undefined;
}

function foundLink(href: string | undefined, rel: string, url: string): readonly FoundLink[] {
  const resolved = resolveLink(href ?? "", url);
  return resolved === undefined ? [] : [{ href: resolved, rels: [rel] }];
}
