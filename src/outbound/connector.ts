import { isIP, Socket } from "node:net";
import type { AddressGuard } from "./address-guard.ts";
import { refusePort } from "./blocked-ports.ts";
import { createDial } from "./dial.ts";
import { OutboundError } from "./failure.ts";
import type { Resolve } from "./guarded-lookup.ts";
import type { OpenSockets } from "./open-sockets.ts";
import { overLimit } from "./outbound.ts";
import type { DialTarget } from "./parse-target.ts";
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
 * Settles once: with a connection, or with why there is none when what was dialled has closed and counts no more. Returns how to
 * call it off; done late, that changes nothing.
 */
export type Connect = (target: DialTarget, settle: (outcome: Error | Socket) => void) => () => void;

/**
 * The connector of the one door. Judged are: port and literal before anything is dialled, a name on all its addresses, and once
 * more the peer that answered; with an egress proxy the latter two are its to judge. Fails with an `OutboundError` where the cause
 * is known here. Certificates are always verified, whatever NODE_TLS_REJECT_UNAUTHORIZED says.
 */
export function createConnector(options: ConnectorOptions): Connect {
  const { clock, sockets, signal, egressProxy } = options;
  const guard = createReachGuard(options);
  const connecting = new Set<() => void>();
  signal.addEventListener("abort", () => connecting.forEach((stop) => stop()), { once: true });
  const dial = createDial(guard, options, options.resolve);
  const isProxied = egressProxy !== undefined;
  const judge = (hostname: string, socket: Socket) => judgePeer(isProxied ? undefined : guard, hostname, socket);

  return (target, settle) => {
    const refused = signal.aborted ? calledOff() : (refuseTarget(guard, target) ?? refuseDial(sockets));
    if (refused !== undefined) {
      queueMicrotask(() => settle(refused)); // never at once: whoever asks has yet to hear how to call it off
      return () => undefined;
    }

    let [isDone, isClosed] = [false, false];
    const untilMs = clock.monotonicMs() + connectLimitMs;
    const socket = dial(target, conclude);
    sockets.add(socket);
    socket.once("close", () => (isClosed = true));
    const callOffLimit = clock.after(connectLimitMs, () => {
      const isOurs = isProxied && socket.connecting;
      conclude(isOurs ? noProxy() : tooSlow(clock.monotonicMs() - untilMs));
    });
    connecting.add(stop);
    return stop;

    function stop(): void {
      conclude(calledOff());
    }

    function conclude(outcome: Error | Socket): void {
      if (isDone) return;
      isDone = true;
      callOffLimit();
      connecting.delete(stop);
      const verdict = outcome instanceof Socket ? (judge(target.hostname, outcome) ?? outcome) : outcome;
      if (verdict instanceof Socket || isClosed) return settle(verdict);
      socket.once("close", () => settle(verdict)).destroy();
    }
  };
}

function refuseTarget(guard: AddressGuard, { hostname, port }: DialTarget): OutboundError | undefined {
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
