import type { IncomingMessage } from "node:http";

import type { Log } from "../log.ts";
import { type Address, isInside, networkKey, parseAddress, parseNetwork } from "../networks.ts";
import { findClient } from "./client-address.ts";

/** The other end of a connection. */
export type Peer = {
  /** Absent where the connection was gone before it was looked at. */
  readonly address: Address | undefined;
  /** Whom its requests count for, unless it is a proxy that says otherwise. */
  readonly client: string;
  /** Its X-Forwarded-For is believed, and it speaks for many. */
  readonly isProxy: boolean;
};

/** Tells clients apart: each is an IPv4 address or the /64 of an IPv6 address. */
export type Clients = {
  /** Who is at the other end, by the address of a socket. */
  readonly meet: (remoteAddress: string | undefined) => Peer;
  /** Whom a request counts for that came from there. */
  readonly identify: (peer: Peer, request: Pick<IncomingMessage, "headers">) => string;
};

/** `trustProxyCidrs`: whose X-Forwarded-For is believed. Warns once of a proxy that is not, for then the whole world is one client. */
export function createClients(trustProxyCidrs: readonly string[], log: Pick<Log, "warn">): Clients {
  const proxies = trustProxyCidrs.map(parseNetwork);
  const isProxy = (address: Address) => isInside(address, proxies);
  let hasWarned = false;

  function warnOnce(address: Address): void {
    if (hasWarned || !isNear(address)) return;
    hasWarned = true;
    const told = { setting: "CARILLON_TRUST_PROXY_CIDRS", peer: String(address) };
    log.warn(
      told,
      "a proxy that CARILLON_TRUST_PROXY_CIDRS does not name sends X-Forwarded-For: its clients count as one",
    );
  }

  return {
    meet(remoteAddress = "") {
      const address = parseAddress(remoteAddress);
      if (address === undefined) return { address, client: "", isProxy: false };
      return { address, client: networkKey(address), isProxy: isProxy(address) };
    },
    identify({ address, client, isProxy: isBelieved }, { headers }) {
      const forwardedFor = headers["x-forwarded-for"];
      if (forwardedFor === undefined || address === undefined) return client;
      if (isBelieved) return networkKey(findClient(address, String(forwardedFor), isProxy));
      warnOnce(address);
      return client;
    },
  };
}

/** On this machine or in its network: no stranger. */
function isNear(address: Address): boolean {
  return ["loopback", "private", "uniqueLocal", "linkLocal"].includes(address.range());
}
