import { connect, isIP, type Socket, type TcpNetConnectOpts } from "node:net";
import { connect as connectSecurely, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";

import type { AddressGuard } from "./address-guard.ts";
import { createTunnel, type Tunnel } from "./egress-proxy.ts";
import { describeTls, OutboundError } from "./failure.ts";
import { guardedLookup, type Resolve } from "./guarded-lookup.ts";
import type { DialTarget } from "./parse-target.ts";
import type { Reach } from "./reach.ts";
import { createResolver } from "./resolver.ts";

/** Wait per address while others are left (RFC 8305). Policy: Node's 250 ms is too short for a loop that is itself busy. */
const nextAddressAfterMs = 500;

/**
 * What it answers is the connection to the first hop; what it settles with leads to the peer, over TLS where that is spoken. May
 * settle again, with what goes wrong later.
 */
export type Dial = (target: DialTarget, settle: (outcome: Error | Socket) => void) => Socket;

/** `resolve` absent: a resolver of its own. Names that are dialled are judged on all their addresses (guarded-lookup.ts). */
export function createDial(guard: AddressGuard, { allowCidrs, egressProxy, clock }: Reach, resolve?: Resolve): Dial {
  const isProxied = egressProxy !== undefined;
  const asked = resolve ?? createResolver({ clock, asksSystem: isProxied || allowCidrs.length > 0 });
  const shakeHands = createHandshake();
  const direct = dialDirectly(guard, asked, shakeHands);
  return isProxied ? dialThrough(createTunnel(egressProxy, asked), shakeHands) : direct;
}

function dialDirectly(guard: AddressGuard, resolve: Resolve, shakeHands: Handshake): Dial {
  const lookup = guardedLookup(guard, resolve);

  return (target, settle) => {
    const options = {
      host: target.hostname,
      port: portOf(target),
      lookup,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: nextAddressAfterMs,
    };
    if (target.protocol === "https:") return shakeHands(target, options, settle);
    const socket = connect({ ...options, noDelay: true });
    return socket.on("error", settle).once("connect", () => settle(socket));
  };
}

/** TLS, where it is spoken, is with the target. */
function dialThrough(tunnel: Tunnel, shakeHands: Handshake): Dial {
  return (target, settle) =>
    tunnel(target, (outcome) => {
      if (outcome instanceof Error || target.protocol !== "https:") settle(outcome);
      else shakeHands(target, { socket: outcome }, settle);
    });
}

type Handshake = (
  target: DialTarget,
  way: TcpNetConnectOpts | { readonly socket: Socket },
  settle: (outcome: Error | Socket) => void,
) => TLSSocket;

/** TLS sessions that can be resumed, a few KB each. */
const mostSessions = 1_000;

/** Certificates are always verified, whatever NODE_TLS_REJECT_UNAUTHORIZED says. */
function createHandshake(): Handshake {
  let secureContext: SecureContext | undefined; // one for all, made when first needed: loading the CAs takes a while
  const sessions = new Map<string, Buffer>();

  function keep(peer: string, session: Buffer): void {
    sessions.delete(peer);
    sessions.set(peer, session);
    const [oldest] = sessions.keys();
    if (sessions.size > mostSessions && oldest !== undefined) sessions.delete(oldest);
  }

  return (target, way, settle) => {
    secureContext ??= createSecureContext();
    // Node verifies no name anew where a session is resumed: it must be the same.
    const peer = `${target.hostname}:${portOf(target)}`;
    const session = sessions.get(peer);
    const socket = connectSecurely({
      ...way,
      host: target.hostname,
      servername: serverNameOf(target),
      rejectUnauthorized: true,
      secureContext,
      ALPNProtocols: ["http/1.1"],
      ...(session && { session }),
    });
    let isConnected = "socket" in way;
    socket.once("connect", () => (isConnected = true));
    socket.on("session", (fresh: Buffer) => keep(peer, fresh));
    socket.on("error", (error: Error) => settle(isConnected ? handshakeFailure(error) : error));
    return socket.setNoDelay(true).once("secureConnect", () => settle(socket));
  };
}

function portOf({ protocol, port }: DialTarget): number {
  return Number(port || (protocol === "https:" ? 443 : 80));
}

/** None for a literal. A fully qualified name (`example.com.`) goes into SNI and the certificate check without its dot (RFC 6066 section 3). */
function serverNameOf({ hostname }: DialTarget): string {
  return isIP(hostname) === 0 ? hostname.replace(/\.+$/, "") : "";
}

function handshakeFailure(error: Error): OutboundError {
  return new OutboundError("tls", `TLS failed: ${describeTls(error)}`, { cause: error });
}
