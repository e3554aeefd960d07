import { type Address, parseAddress } from "../networks.ts";

/** As many addresses of an X-Forwarded-For are looked at, from the right: no chain of proxies is as long. */
const mostHops = 32;

/**
 * Whom a request comes from that `peer` brought: read from the right, the first address of its X-Forwarded-For that is not one of
 * the proxies which are believed. What stands further left, only the client itself has said. Where an address cannot be read, the
 * proxy that wrote it down counts.
 */
export function findClient(peer: Address, forwardedFor: string, isProxy: (address: Address) => boolean): Address {
  let client = peer;
  for (const hop of forwardedFor.split(",").slice(-mostHops).toReversed()) {
    const address = isProxy(client) ? parseHop(hop.trim()) : undefined;
    if (address === undefined) return client;
    client = address;
  }
  return client;
}

/** An address as proxies write it: by itself, or with a port. */
function parseHop(hop: string): Address | undefined {
  const [, inBrackets] = /^\[([^\]]*)\](?::\d+)?$/.exec(hop) ?? [];
  const [, beforePort] = /^([\d.]+):\d+$/.exec(hop) ?? [];
  return parseAddress(inBrackets ?? beforePort ?? hop);
}
