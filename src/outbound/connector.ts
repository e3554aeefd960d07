import { isIP, Socket } from "node:net";
import type { buildConnector } from "undici";
import type { AddressGuard } from "./address-guard.ts";
import { refusePort } from "./blocked-ports.ts";
import { createDial } from "./dial.ts";
import { OutboundError } from "./failure.ts";
import type { Resolve } from "./guarded-lookup.ts";
import type { OpenSockets } from "./open-sockets.ts";
import { overLimit } from "./outbound.ts";
import { createReachGuard, type Reach } from "./reach.ts";

export type ConnectorOptions = Reach & {
  /** Absent: a resolver of its own (resolver.ts). */
  readonly resolve?: Resolve | undefined;
  /** Counts what is dialled; nothing is once it is full. */
  readonly sockets: OpenSockets;
  /** Ends whatever is still connecting. */
  readonly signal: AbortSignal;
};

/** From the start of name resolution to the end of the TLS handshake: bounds how long a dead host holds a slot. */
const connectLimitMs = 5_000;

/**
 * The connector of the one door. Judged are: port and literal before anything is dialled, a name on all its addresses, and once
 * more the peer that answered; with an egress proxy the latter two are its to judge. Fails with an `OutboundError` where the cause
 * is known here. Certificates are always verified, whatever NODE_TLS_REJECT_UNAUTHORIZED says.
 */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  const { clock, sockets, signal, egressProxy } = options;
  const guard = createReachGuard(options);
  const connecting = new Set<() => void>();
  signal.addEventListener("abort", () => connecting.forEach((stop) => stop()), { once: true });
  const dial = createDial(guard, options, options.resolve);
  const isProxied = egressProxy !== undefined;
  const judge = (hostname: string, socket: Socket) => judgePeer(isProxied ? undefined : guard, hostname, socket);

  return (target, callback) => {
    const refused = signal.aborted ? calledOff() : (refuseTarget(guard, target) ?? refuseDial(sockets));
    // Later, never at once: undici is in the middle of its queue.
    if (refused !== undefined) return queueMicrotask(() => callback(refused, null));

    let done = false;
    const untilMs = clock.monotonicMs() + connectLimitMs;
    const socket = dial(target, settle);
    sockets.add(socket);
    const callOffLimit = clock.after(connectLimitMs, () => {
      const isOurs = isProxied && socket.connecting;
      settle(isOurs ? noProxy() : tooSlow(clock.monotonicMs() - untilMs));
    });
    connecting.add(stop);

    function stop(): void {
      settle(calledOff());
    }

    function settle(outcome: Error | Socket): void {
      if (done) return;
      done = true;
      callOffLimit();
      connecting.delete(stop);
      const verdict = outcome instanceof Socket ? (judge(target.hostname, outcome) ?? outcome) : outcome;
      if (verdict instanceof Socket) return callback(null, verdict);
      socket.destroy();
      callback(verdict, null);
    }
  };
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

/** The last word: the address at the other end of the socket, whoever resolved it. Without a guard that is the proxy's. */
function judgePeer(
  guard: AddressGuard | undefined,
  hostname: string,
  { remoteAddress }: Socket,
): OutboundError | undefined {
  if (remoteAddress === undefined) return new OutboundError("broken", "the peer broke off");
  if (guard === undefined) return undefined;
  const refused = isIP(hostname) === 0 ? guard.judgeAnswers(hostname, [remoteAddress]) : guard.judgeHost(remoteAddress);
  return refused === undefined ? undefined : new OutboundError("forbidden", refused);
}

function tooSlow(lateMs: number): OutboundError {
  const { reason, detail } = overLimit(`no connection within ${connectLimitMs / 1000} s`, lateMs);
  return new OutboundError(reason, detail);
}

function noProxy(): OutboundError {
  return new OutboundError("exhausted", `no connection to the egress proxy within ${connectLimitMs / 1000} s`);
}

function calledOff(): OutboundError {
  return new OutboundError("aborted", "called off by the hub");
}
