import { isIP, Socket } from "node:net";
import { createSecureContext } from "node:tls";
import { buildConnector } from "undici";
import type { Clock } from "../clock.ts";
import type { AddressGuard } from "./address-guard.ts";
import { refusePort } from "./blocked-ports.ts";
import { describeTls, OutboundError } from "./failure.ts";
import { guardedLookup, type Resolve } from "./guarded-lookup.ts";
import type { OpenSockets } from "./open-sockets.ts";
import { overLimit } from "./outbound.ts";

export type ConnectorOptions = {
  readonly guard: AddressGuard;
  readonly clock: Clock;
  readonly resolve: Resolve;
  /** Counts what is dialled; nothing is once it is full. */
  readonly sockets: OpenSockets;
  /** Ends whatever is still connecting. */
  readonly signal: AbortSignal;
};

/** From the start of name resolution to the end of the TLS handshake: bounds how long a dead host holds a slot. */
const connectLimitMs = 5_000;

/** Wait per address while others are left (RFC 8305). Policy: Node's 250 ms is too short for a loop that is itself busy. */
const nextAddressAfterMs = 500;

/**
 * The connector of the one door. Judged are: port and literal before anything is dialled, a name on all its addresses
 * (guarded-lookup.ts), and once more the peer that answered. Fails with an `OutboundError` where the cause is known here.
 * Certificates are always verified, whatever NODE_TLS_REJECT_UNAUTHORIZED says.
 */
export function createConnector({
  guard,
  clock,
  resolve,
  sockets,
  signal,
}: ConnectorOptions): buildConnector.connector {
  const connecting = new Set<() => void>();
  signal.addEventListener("abort", () => connecting.forEach((stop) => stop()), { once: true });
  const dial = createDial(guard, resolve);

  return (options, callback) => {
    const refused = signal.aborted ? calledOff() : (refuseTarget(guard, options) ?? refuseDial(sockets));
    // Later, never at once: undici is in the middle of its queue.
    if (refused !== undefined) return queueMicrotask(() => callback(refused, null));

    let done = false;
    const untilMs = clock.monotonicMs() + connectLimitMs;
    const socket = dial(options, settle);
    sockets.add(socket);
    const callOffLimit = clock.after(connectLimitMs, () => settle(tooSlow(clock.monotonicMs() - untilMs)));
    connecting.add(stop);

    function stop(): void {
      settle(calledOff());
    }

    function settle(outcome: Error | Socket): void {
      if (done) return;
      done = true;
      callOffLimit();
      connecting.delete(stop);
      const verdict = outcome instanceof Socket ? (judgePeer(guard, options.hostname, outcome) ?? outcome) : outcome;
      if (verdict instanceof Socket) return callback(null, verdict);
      socket.destroy();
      callback(verdict, null);
    }
  };
}

type Dial = (options: buildConnector.Options, settle: (outcome: Error | Socket) => void) => Socket;

/** Both schemes by undici's own connector (it resumes TLS sessions), without its timer: the limit above is on our clock. */
function createDial(guard: AddressGuard, resolve: Resolve): Dial {
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
    let handshaking = false;
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

function refuseTarget(guard: AddressGuard, { hostname, port }: buildConnector.Options): OutboundError | undefined {
  const refused = guard.judgeHost(hostname) ?? refusePort(port);
  return refused === undefined ? undefined : new OutboundError("forbidden", refused);
}

/** A shortage of our own, told before the system would have to (EMFILE), which hits the database and the listener too. */
function refuseDial(sockets: OpenSockets): OutboundError | undefined {
  if (!sockets.isFull) return undefined;
  return new OutboundError("exhausted", `the hub has as many connections open as it may (${sockets.count})`);
}

/** The last word: the address at the other end of the socket, whoever resolved it. */
function judgePeer(guard: AddressGuard, hostname: string, { remoteAddress }: Socket): OutboundError | undefined {
  if (remoteAddress === undefined) return new OutboundError("broken", "the peer broke off");
  const refused = isIP(hostname) === 0 ? guard.judgeAnswers(hostname, [remoteAddress]) : guard.judgeHost(remoteAddress);
  return refused === undefined ? undefined : new OutboundError("forbidden", refused);
}

function handshakeFailure(error: Error): OutboundError {
  return new OutboundError("tls", `TLS failed: ${describeTls(error)}`, { cause: error });
}

function tooSlow(lateMs: number): OutboundError {
  const { reason, detail } = overLimit(`no connection within ${connectLimitMs / 1000} s`, lateMs);
  return new OutboundError(reason, detail);
}

function calledOff(): OutboundError {
  return new OutboundError("aborted", "called off by the hub");
}
