import type { Clock } from "../clock.ts";
import { type OnAbort, createAbortRegistry } from "./abort-registry.ts";
import { type Connect, createConnector } from "./connector.ts";
import { Exchange } from "./exchange.ts";
import { failed, failureOf } from "./failure.ts";
import type { Resolve } from "./guarded-lookup.ts";
import { headerLines } from "./header-lines.ts";
import { createOpenSockets } from "./open-sockets.ts";
import { type Outbound, type OutboundAnswer, type OutboundRequest, overLimit } from "./outbound.ts";
import { parseTarget, type Target } from "./parse-target.ts";
import { createPlaces, type Places } from "./places.ts";
import type { Reach } from "./reach.ts";

export type OutboundOptions = Reach & {
  /** Sent where a request names none. Absent: `Carillon`. */
  readonly userAgent?: string;
  /** Absent: a resolver of its own (resolver.ts). */
  readonly resolve?: Resolve;
  /** Most connections to one origin (scheme, host, port); more requests than that wait, on their wall clocks. */
  readonly connectionsPerOrigin: number;
  /** Most sockets open at a time; an exchange beyond that fails as `exhausted`. Infinity: no limit. */
  readonly maxSockets: number;
};

/**
 * The door to the network for what is read, over connections of its own, one for each exchange (decision 0022). Proxy variables of the
 * environment are ignored: a proxy resolves names behind the address guard's back, and the operator must know (CARILLON_EGRESS_PROXY).
 * Disposing closes every socket; what is in flight then ends as `aborted`, and so does what comes later.
 */
export function createOutbound(options: OutboundOptions): Outbound {
  const { clock, connectionsPerOrigin, maxSockets, userAgent = "Carillon" } = options;
  const closing = new AbortController();
  const door: Door = {
    connect: createConnector({ ...options, sockets: createOpenSockets(maxSockets), signal: closing.signal }),
    places: createPlaces(connectionsPerOrigin),
    clock,
    onAbort: createAbortRegistry(),
    closing: closing.signal,
  };

  return {
    async exchange(request) {
      if (request.signal.aborted || closing.signal.aborted) return aborted;
      const lines = headerLines(withName(request.headers, userAgent));
      if (typeof lines !== "string") return lines;
      try {
        const target = parseTarget(request.url);
        return await exchange(door, request, target, headOf(target, lines));
      } catch (error) {
        return failureOf(error);
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
    },
  };
}

const aborted = failed("aborted", "called off by the hub");

type Door = {
  readonly connect: Connect;
  readonly places: Places;
  readonly clock: Clock;
  readonly onAbort: OnAbort;
  readonly closing: AbortSignal;
};

function exchange(door: Door, request: OutboundRequest, target: Target, head: string): Promise<OutboundAnswer> {
  const { connect, places, clock, onAbort, closing } = door;
  return new Promise((resolve) => {
    const running = new Exchange(request, (answer) => {
      for (const cleanUp of cleanUps) cleanUp();
      resolve(answer);
    });
    const untilMs = clock.monotonicMs() + request.wallClockMs;
    const expire = () => {
      const told = `not done within ${request.wallClockMs / 1000} s`;
      running.stop(overLimit(told, clock.monotonicMs() - untilMs));
    };
    const cleanUps = [
      clock.after(request.wallClockMs, expire),
      onAbort(request.signal, () => running.stop(aborted)),
      onAbort(closing, () => running.stop(aborted)),
      places.take(target.origin, () => running.start(connect, target, head)),
    ];
  });
}

function withName(headers: OutboundRequest["headers"], userAgent: string): OutboundRequest["headers"] {
  const isNamed = Object.keys(headers).some((name) => name.toLowerCase() === "user-agent");
  return isNamed ? headers : { ...headers, "user-agent": userAgent };
}

function headOf({ path, host }: Target, lines: string): string {
  return `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n${lines}\r\n`;
}
