import { networkInterfaces } from "node:os";

import { hubPaths } from "./http/hub-page.ts";
import { bareHost, plainUrl } from "./model/url-pattern.ts";
import { parseAddress } from "./networks.ts";

/** How the hub is known from outside. */
export type HubAddress = {
  /** The hub URL that topics advertise (§4). */
  readonly url: string;
  /** All it answers at, `url` first. */
  readonly urls: readonly string[];
  /** Whether a URL leads to this hub rather than to something else on its host, however it is spelled. */
  readonly contains: (url: URL) => boolean;
};

/** `publicUrl` may have a path: then the hub shares its host with other things, which may well be topics. */
export function createHubAddress(
  publicUrl: string,
  listening: readonly { readonly host: string; readonly port: number }[],
): HubAddress {
  const { href } = new URL(publicUrl);
  const base = href.endsWith("/") ? href : `${href}/`;
  const own = plainUrl(new URL(href));
  const ownBase = plainUrl(new URL(base)).href;

  function isPublic(url: URL): boolean {
    if (bareHost(url.hostname) !== own.hostname) return false;
    const { origin, pathname, href: asked } = plainUrl(url);
    return origin === own.origin && (own.pathname === "/" || pathname === own.pathname || asked.startsWith(ownBase));
  }

  function isLocal(url: URL): boolean {
    const at = listening.filter(({ port }) => port === portOf(url));
    const host = bareHost(url.hostname);
    return at.length > 0 && (at.some((one) => one.host === host) || isThisMachine(host));
  }

  return {
    url: href,
    urls: [...new Set([href, ...hubPaths.map((path) => new URL(`.${path}`, base).href)])],
    contains: (url) => isPublic(url) || isLocal(url),
  };
}

function portOf(url: URL): number {
  return Number(url.port || (url.protocol === "https:" ? 443 : 80));
}

/** Policy: any of its addresses, whichever the hub listens on. */
function isThisMachine(hostname: string): boolean {
  const address = parseAddress(hostname.replace(/^\[|\]$/g, ""));
  if (address === undefined) return /(?:^|\.)localhost$/.test(hostname);
  if (address.range() === "loopback" || address.range() === "unspecified") return true;
  const own = Object.values(networkInterfaces()).flatMap((of = []) => of);
  return own.some((one) => parseAddress(one.address)?.toString() === address.toString());
}
