import { Agent, Pool } from "undici";
import type { Clock } from "../clock.ts";
import { type OnAbort, createAbortRegistry } from "./abort-registry.ts";
import { createConnector } from "./connector.ts";
import { Exchange } from "./exchange.ts";
import { failed, failureOf } from "./failure.ts";
import type { Resolve } from "./guarded-lookup.ts";
import { createOpenSockets, type OpenSockets } from "./open-sockets.ts";
import { type Outbound, type OutboundAnswer, type OutboundRequest, overLimit } from "./outbound.ts";
import { parseUrl } from "./parse-target.ts";
import type { Reach } from "./reach.ts";
import { requestHeaders } from "./request-headers.ts";
import { requestTarget } from "./request-target.ts";

export type OutboundOptions = Reach & {
  /** Sent where a request names none. Absent: `Carillon`. */
  readonly userAgent?: string;
  /** Absent: a resolver of its own (resolver.ts). */
  readonly resolve?: Resolve;
  /** Most connections to one origin (scheme, host, port); more requests than that wait, on their wall clocks. */
  readonly connectionsPerOrigin: number;
  /**
   * Most sockets open at a time, idle ones included; Infinity: no limit. From half of it on connections are closed after their
   * answer; at the limit an exchange that needs a new one fails as `exhausted`.
   */
  readonly maxSockets: number;
};

/**
 * The door to the network for what is read, on undici. Proxy variables of the environment are ignored: a proxy resolves names behind the
 * address guard's back, and the operator must know (CARILLON_EGRESS_PROXY). Disposing closes every socket; what is in flight then ends as `aborted`, and so does what comes later.
 */
export function createOutbound(options: OutboundOptions): Outbound {
  const closing = new AbortController();
  const sockets = createOpenSockets(options.maxSockets);
  const agent = createAgent(options, sockets, closing.signal);
  const onAbort = createAbortRegistry();
  const userAgent = options.userAgent ?? "Carillon";

  return {
    exchange: (request) => exchange({ agent, sockets, clock: options.clock, onAbort, userAgent }, request),
    async [Symbol.asyncDispose]() {
      closing.abort();
      await agent.destroy();
    },
  };
}

function createAgent(options: OutboundOptions, sockets: OpenSockets, signal: AbortSignal): Agent {
  return new Agent({
    connect: createConnector({ ...options, sockets, signal }),
    // undici's own choice too, unless there is one connection: then it would be a Client, which looks at `reset` too early.
    factory: (origin, poolOptions: Pool.Options) => new Pool(origin, poolOptions),
    connections: options.connectionsPerOrigin,
    pipelining: 1,
    allowH2: false,
    useMilo: false,
    // Idle timers that a drip defeats: the one wall clock rules instead.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 10_000, // whatever the peer proposes: bounds idle sockets when a fan-out meets thousands of origins
  });
}

type Door = {
  readonly agent: Agent;
  readonly sockets: OpenSockets;
  readonly clock: Clock;
  readonly onAbort: OnAbort;
  readonly userAgent: string;
};

async function exchange(door: Door, request: OutboundRequest): Promise<OutboundAnswer> {
  if (request.signal.aborted) return failed("aborted", "called off by the hub");
  try {
    return await dispatch(door, request, prepare(request, door));
  } catch (error) {
    return failureOf(error);
  }
}

function prepare(request: OutboundRequest, { sockets, userAgent }: Door): Agent.DispatchOptions {
  const url = parseUrl(request.url);
  return {
    origin: url.origin,
    path: requestTarget(request.url, url),
    method: "GET",
    headers: requestHeaders(request.headers, userAgent),
    /** Close the connection after the answer. undici looks when the request gets its connection or dials it, not while it waits. */
    get reset() {
      return sockets.isCrowded;
    },
  };
}

function dispatch(door: Door, request: OutboundRequest, options: Agent.DispatchOptions): Promise<OutboundAnswer> {
  return new Promise((resolve) => {
    const settle = (answer: OutboundAnswer) => settleLater(resolve, answer, door.sockets.isCrowded);
    const running = new Exchange(request, settle, release);
    const untilMs = door.clock.monotonicMs() + request.wallClockMs;
    const callOffClock = door.clock.after(request.wallClockMs, () => {
      const told = `not done within ${request.wallClockMs / 1000} s`;
      running.stop(overLimit(told, door.clock.monotonicMs() - untilMs));
    });
    const stopListening = door.onAbort(request.signal, () => running.stop(failed("aborted", "called off by the hub")));
    door.agent.dispatch(options, running);

    function release(): void {
      callOffClock();
      stopListening();
    }
  });
}

/**
 * Out of undici's stack, by the microtask: whoever answers a failure with a new request inside it breaks undici's (8.12) own
 * assertions, outside any promise, and with them the process. And after the turn in which undici frees the connection, which it
 * asks for within that stack: a request that follows at once would otherwise open a second one. Where connections are scarce, one
 * turn later still: by then a socket that is destroyed now has closed and counts no more.
 */
function settleLater(resolve: (answer: OutboundAnswer) => void, answer: OutboundAnswer, isCrowded: boolean): void {
  const settle = () => setImmediate(resolve, answer);
  queueMicrotask(isCrowded ? () => setImmediate(settle) : settle);
}
