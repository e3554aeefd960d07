import type { AdvertisedLinks } from "../model/topic.ts";

/**
 * CARILLON_TOPIC_POLICY=advertised: why a topic is denied (§5.2), absent when it names this hub (§4).
 * `ourUrls` are all the addresses the hub answers at, the one to advertise first; they are compared as
 * URL serialises them.
 */
export function denyUnadvertised(
  links: AdvertisedLinks,
  topic: string,
  ourUrls: readonly string[],
): string | undefined {
  const ours = ourUrls.map(serialise);
  if (links.hubs.some((hub) => ours.includes(serialise(hub)))) return undefined;
  return `${topic} does not advertise this hub: it needs a link with rel="hub" to ${ours[0] ?? "it"}`;
}

function serialise(url: string): string {
  return URL.parse(url)?.href ?? url;
}
