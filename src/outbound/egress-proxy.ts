import { request } from "node:http";
import { connect, type Socket } from "node:net";

import { createAddressGuard } from "./address-guard.ts";
import { errorCode, failureOf, OutboundError } from "./failure.ts";
import { guardedLookup, type Resolve } from "./guarded-lookup.ts";
import type { DialTarget } from "./parse-target.ts";

/** Answers with the connection it goes on over; what it settles with is that, once it leads to the target. */
export type Tunnel = (target: DialTarget, settle: (outcome: Error | Socket) => void) => Socket;

/** The proxy is the operator's own and may be anywhere. */
const anywhere = createAddressGuard(["0.0.0.0/0", "::/0"]);

/**
 * Tunnels (CONNECT, RFC 9110 section 9.3.6) through the proxy at `proxyUrl` (http, with or without user and password), for http
 * targets too: so it never sees what is sent. The target's name goes to the proxy unresolved. What its refusals mean: `tellAnswer`.
 */
export function createTunnel(proxyUrl: string, resolve: Resolve): Tunnel {
  const { hostname, port, username, password } = new URL(proxyUrl);
  const host = hostname.replace(/^\[|\]$/g, "");
  const lookup = guardedLookup(anywhere, resolve);
  const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
  const authorization = username === "" ? {} : { "Proxy-Authorization": `Basic ${credentials.toString("base64")}` };

  return (target, settle) => {
    const socket = connect({ host, port: Number(port || 80), lookup, autoSelectFamily: true });
    const path = authorityOf(target);
    const asking = request({
      method: "CONNECT",
      path,
      headers: { Host: path, ...authorization },
      createConnection: () => socket,
    });
    asking.once("connect", (answer, _socket, rest) => {
      const hasChallenge = answer.headers["proxy-authenticate"] !== undefined;
      settle(tellAnswer(answer.statusCode ?? 0, hasChallenge, rest.length) ?? socket);
    });
    asking.on("error", (error) => settle(unreachable(error)));
    asking.end();
    return socket;
  };
}

function authorityOf({ hostname, protocol, port }: DialTarget): string {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `${host}:${port || (protocol === "https:" ? 443 : 80)}`;
}

/**
 * Why there is no tunnel, if so. Policy: 4xx is the proxy's own judgement of the target, as final as that of the address guard; but a 407
 * that asks for credentials (RFC 9110 section 15.5.8; Smokescreen's refusal is one that does not) is the operator's fault. 5xx
 * is what proxies say of targets they could not reach.
 */
function tellAnswer(status: number, hasChallenge: boolean, early: number): OutboundError | undefined {
  if (status === 407 && hasChallenge)
    return new OutboundError(
      "exhausted",
      "the egress proxy does not take the credentials of CARILLON_EGRESS_PROXY (407)",
    );
  if (status >= 400 && status < 500) return new OutboundError("forbidden", `the egress proxy refuses it (${status})`);
  if (status === 504) return new OutboundError("timeout", "the egress proxy had no answer from the peer (504)");
  if (status >= 500) return new OutboundError("refused", `the egress proxy could not reach the peer (${status})`);
  if (status < 200 || status >= 300)
    return new OutboundError("exhausted", `the egress proxy answered ${status} to CONNECT`);
  return early === 0 ? undefined : new OutboundError("broken", "the peer spoke before it was asked");
}

/** Whatever keeps us from the proxy, no peer is to blame. */
function unreachable(error: Error): OutboundError {
  const told = errorCode(error) || failureOf(error).detail;
  return new OutboundError("exhausted", `the hub could not use its egress proxy (${told})`, { cause: error });
}
