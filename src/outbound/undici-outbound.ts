import { Agent } from "undici";
import type { Clock } from "../clock.ts";
import { type OnAbort, createAbortRegistry } from "./abort-registry.ts";
import { createAddressGuard } from "./address-guard.ts";
import { createConnector } from "./connector.ts";
import { Exchange } from "./exchange.ts";
import { failed, failureOf, OutboundError } from "./failure.ts";
import { type Resolve, resolveBySystem } from "./guarded-lookup.ts";
import type { Outbound, OutboundAnswer, OutboundRequest } from "./outbound.ts";
import { requestHeaders } from "./request-headers.ts";
import { requestTarget } from "./request-target.ts";

export type OutboundOptions = {
  /** CARILLON_ALLOW_CIDRS; throws a plain Error on what is no network. */
  readonly allowCidrs: readonly string[];
  /** Sent where a request names none. Absent: `Carillon`. */
  readonly userAgent?: string;
  /** Measures wall clocks and the connect limit. */
  readonly clock: Clock;
  /** Absent: the operating system's resolver. */
  readonly resolve?: Resolve;
  /** Most connections to one origin (scheme, host, port); more requests than that wait, on their wall clocks. */
  readonly connectionsPerOrigin: number;
};

/**
 * The one door to the network, on undici. Proxy variables of the environment are ignored: a proxy would resolve names behind the
 * address guard's back. Disposing closes every socket; what is in flight then ends as `aborted`, and so does what comes later.
 */
export function createOutbound(options: OutboundOptions): Outbound {
  const closing = new AbortController();
  const agent = createAgent(options, closing.signal);
  const onAbort = createAbortRegistry();
  const userAgent = options.userAgent ?? "Carillon";

  return {
    exchange: (request) => exchange({ agent, clock: options.clock, onAbort, userAgent }, request),
    async [Symbol.asyncDispose]() {
      closing.abort();
      await agent.destroy();
    },
  };
}

function createAgent(options: OutboundOptions, signal: AbortSignal): Agent {
  const guard = createAddressGuard(options.allowCidrs);
  const { clock, resolve = resolveBySystem } = options;
  return new Agent({
    connect: createConnector({ guard, clock, resolve, signal }),
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

/** For what comes after the status line, where only that counts. */
const restMs = 1000;

type Door = { readonly agent: Agent; readonly clock: Clock; readonly onAbort: OnAbort; readonly userAgent: string };

/** Not async: on a warm connection the promises of that would be a good part of what this layer costs. */
function exchange(door: Door, request: OutboundRequest): Promise<OutboundAnswer> {
  if (request.signal.aborted) return Promise.resolve(failed("aborted", "called off by the hub"));
  try {
    return dispatch(door, request, prepare(request, door.userAgent));
  } catch (error) {
    return Promise.resolve(failureOf(error));
  }
}

function prepare(request: OutboundRequest, userAgent: string): Agent.DispatchOptions {
  const url = parseUrl(request.url);
  return {
    origin: url.origin,
    path: requestTarget(request.url, url),
    method: request.method,
    headers: requestHeaders(request.headers, userAgent),
    body: request.body ?? null,
  };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null) throw new OutboundError("broken", "the URL cannot be parsed");
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new OutboundError("forbidden", "the URL is not http or https");
  return url;
}

function dispatch(door: Door, request: OutboundRequest, options: Agent.DispatchOptions): Promise<OutboundAnswer> {
  return new Promise((resolve) => {
    const running = new Exchange(request, (answer) => settleLater(resolve, answer), release, limitRest);
    const seconds = request.wallClockMs / 1000;
    const stop = () => running.stop("timeout", `not done within ${seconds} s`);
    let callOffClock = door.clock.after(request.wallClockMs, stop);
    const stopListening = door.onAbort(request.signal, () => running.stop("aborted", "called off by the hub"));
    door.agent.dispatch(options, running);

    /** Nobody waits for the rest of the answer: it may take as long as using the connection again is worth. */
    function limitRest(): void {
      callOffClock();
      callOffClock = door.clock.after(restMs, stop);
    }

    function release(): void {
      callOffClock();
      stopListening();
    }
  });
}

/**
 * Out of undici's stack, by the microtask: whoever answers a failure with a new request inside it breaks undici's (8.12) own
 * assertions, outside any promise, and with them the process. And after the turn in which undici frees the connection, which it
 * asks for within that stack: a request that follows at once would otherwise open a second one.
 */
function settleLater(resolve: (answer: OutboundAnswer) => void, answer: OutboundAnswer): void {
  queueMicrotask(() => setImmediate(resolve, answer));
}
