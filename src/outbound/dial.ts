import { Socket } from "node:net";
import { createSecureContext } from "node:tls";
import { buildConnector } from "undici";

import type { AddressGuard } from "./address-guard.ts";
import { createTunnel, type Tunnel } from "./egress-proxy.ts";
import { describeTls, OutboundError } from "./failure.ts";
import { guardedLookup, type Resolve } from "./guarded-lookup.ts";
import type { Reach } from "./reach.ts";
import { createResolver } from "./resolver.ts";

/** Wait per address while others are left (RFC 8305). Policy: Node's 250 ms is too short for a loop that is itself busy. */
const nextAddressAfterMs = 500;

/** What it answers is the connection to the first hop; what it settles with leads to the peer, over TLS where that is spoken. */
export type Dial = (options: buildConnector.Options, settle: (outcome: Error | Socket) => void) => Socket;

/** `resolve` absent: a resolver of its own. Names that are dialled are judged on all their addresses (guarded-lookup.ts). */
export function createDial(guard: AddressGuard, { allowCidrs, egressProxy, clock }: Reach, resolve?: Resolve): Dial {
  const isProxied = egressProxy !== undefined;
  const asked = resolve ?? createResolver({ clock, asksSystem: isProxied || allowCidrs.length > 0 });
  const direct = dialDirectly(guard, asked);
  return isProxied ? dialThrough(createTunnel(egressProxy, asked), direct) : direct;
}

/** Both schemes by undici's own connector (it resumes TLS sessions), without its timer: the connector's limit is on our clock. */
function dialDirectly(guard: AddressGuard, resolve: Resolve): Dial {
  const base = {
    allowH2: false,
    timeout: 0,
    lookup: guardedLookup(guard, resolve),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: nextAddressAfterMs,
  };
  const plain = buildConnector(base);
  const keepSession = createKeepSession();
  let secure: buildConnector.connector | undefined; // one context for all, made when first needed: loading the CAs takes a while

  return (options, settle) => {
    const isSecure = options.protocol === "https:";
    if (isSecure) {
      secure ??= buildConnector({
        ...base,
        rejectUnauthorized: true,
        secureContext: createSecureContext(),
        maxCachedSessions: mostSessions,
      });
    }
    let handshaking = options.httpSocket !== undefined;
    const connect: (...args: Parameters<buildConnector.connector>) => unknown =
      (isSecure ? secure : undefined) ?? plain;
    const socket = connect(withServerName(options), (error, connected) => {
      settle(error === null ? connected : handshaking ? handshakeFailure(error) : error);
    });
    if (!(socket instanceof Socket)) throw new TypeError("undici's connector returned no socket");
    if (isSecure) socket.on("session", keepSession);
    return socket.once("connect", () => {
      handshaking = isSecure;
    });
  };
}

/** TLS, where it is spoken, is with the target. */
function dialThrough(tunnel: Tunnel, dial: Dial): Dial {
  return (options, settle) =>
    tunnel(options, (outcome) => {
      if (outcome instanceof Error || options.protocol !== "https:") settle(outcome);
      else dial({ ...options, httpSocket: outcome }, settle);
    });
}

/** TLS sessions that can be resumed, a few KB each. */
const mostSessions = 1_000;

/** Holds the newest sessions: undici does so weakly, and the next garbage collection would take them all. */
function createKeepSession(): (session: Buffer) => void {
  const kept: Buffer[] = [];
  let next = 0;
  return (session) => {
    kept[next] = session;
    next = (next + 1) % mostSessions;
  };
}

/** A fully qualified name (`example.com.`) goes into SNI and the certificate check without its dot (RFC 6066 section 3). */
function withServerName(options: buildConnector.Options): buildConnector.Options {
  return options.hostname.endsWith(".") ? { ...options, servername: options.hostname.replace(/\.+$/, "") } : options;
}

function handshakeFailure(error: Error): OutboundError {
  return new OutboundError("tls", `TLS failed: ${describeTls(error)}`, { cause: error });
}
