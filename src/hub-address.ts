import { hubPaths } from "./http/hub-routes.ts";

/** How the hub is known from outside. */
export type HubAddress = {
  /** The hub URL that topics advertise (§4). */
  readonly url: string;
  /** All it answers at, `url` first. */
  readonly urls: readonly string[];
  /** Whether a URL leads to this hub rather than to something else on its host. */
  readonly contains: (url: URL) => boolean;
};

/** `publicUrl` may have a path: then the hub shares its host with other things, which may well be topics. */
export function createHubAddress(
  publicUrl: string,
  listening: readonly { readonly host: string; readonly port: number }[],
): HubAddress {
  const { href, origin, pathname } = new URL(publicUrl);
  const base = href.endsWith("/") ? href : `${href}/`;
  const local = new Set(
    listening.flatMap((at) => ["localhost", "127.0.0.1", "[::1]", at.host].map((host) => `${host}:${at.port}`)),
  );
  const isPublic = (url: URL) =>
    url.origin === origin && (pathname === "/" || url.pathname === pathname || url.href.startsWith(base));
  return {
    url: href,
    urls: [...new Set([href, ...hubPaths.map((path) => new URL(`.${path}`, base).href)])],
    contains: (url) => isPublic(url) || local.has(`${url.hostname}:${url.port || defaultPort(url)}`),
  };
}

function defaultPort(url: URL): string {
  return url.protocol === "https:" ? "443" : "80";
}
