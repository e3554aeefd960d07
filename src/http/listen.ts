import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

import type { Clock } from "../clock.ts";
import { answerFault } from "./answer-fault.ts";
import { type Answer, plainAnswer, send, toBytes } from "./answer.ts";
import type { Serve } from "./app.ts";
import type { Clients, Peer } from "./clients.ts";
import { createConnections } from "./connections.ts";
import type { CountAnswer } from "./count-answers.ts";
import { Flood } from "./flood.ts";
import type { RateLimit } from "./rate-limit.ts";
import { refuseFraming } from "./refuse-framing.ts";
import { createRefuseTooMany, restAndEnd } from "./refuse-too-many.ts";
import { createTakeTurns } from "./take-turns.ts";

export type Listening = AsyncDisposable & { readonly host: string; readonly port: number };

export type ListenOptions = {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly serve: Serve;
  readonly clients: Clients;
  /** Listeners that share it count together. */
  readonly limit: RateLimit;
  readonly countAnswer: CountAnswer;
  readonly clock: Clock;
  /** Connections open at a time; more are closed as they come. One client may have a quarter of them, at least 64 and at most 256. */
  readonly mostConnections: number;
  readonly patience?: Patience;
};

/**
 * How long a client may take, so that slow ones do not use up the sockets. Milliseconds. `timeout`: without a byte either way, as
 * of who does not read what it has asked for.
 */
export type Patience = Pick<Server, "headersTimeout" | "requestTimeout" | "keepAliveTimeout" | "timeout"> & {
  readonly connectionsCheckingInterval: number;
};

const usualPatience: Patience = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5000,
  timeout: 60_000,
  connectionsCheckingInterval: 2000,
};

/** The most bounds how long others wait while one turn of the event loop serves all of one client's. */
const perClient = { fewest: 64, most: 256 };
/** Connections that the system keeps until the hub has time for them. */
const backlog = 1024;

/** Listens. Rejects when host and port cannot be had. Disposing ends open connections. */
export async function listen(options: ListenOptions): Promise<Listening> {
  const { host, port, patience = usualPatience } = options;
  const server = createServer({ ...patience, requireHostHeader: false });
  server.timeout = patience.timeout;
  server.maxConnections = options.mostConnections;
  answerAll(server, options);
  server.listen({ host, port, backlog });
  await once(server, "listening");
  const address = server.address();
  return { host, port: isSocketAddress(address) ? address.port : port, [Symbol.asyncDispose]: () => close(server) };
}

function answerAll(
  server: Server,
  { serve, clients, limit, countAnswer, clock, mostConnections }: ListenOptions,
): void {
  const share = Math.min(perClient.most, Math.max(perClient.fewest, Math.floor(mostConnections / 4)));
  const connections = createConnections(clients, share, clock);
  const refuseTooMany = createRefuseTooMany(limit, clock);
  const takeTurns = createTakeTurns();

  function receive(request: IncomingMessage, response: ServerResponse, expects?: Expects): void {
    const peer = connections.admit(request, response);
    if (peer === undefined) return;
    takeTurns(() => {
      if (!request.destroyed) answer(peer, request, response, expects);
    });
  }

  function answer(peer: Peer, request: IncomingMessage, response: ServerResponse, expects: Expects | undefined): void {
    const { socket } = request;
    response.once("finish", () => countAnswer(request.url, response.statusCode));
    const client = clients.identify(peer, request);
    const refusal = refuseTooMany(request, peer, client);
    if (refusal !== undefined) return send(response, refusal);
    const fault = refuseFraming(request);
    if (fault !== undefined) return endWith(socket, plainAnswer(400, fault));
    if (expects === "other") return send(response, unmet);
    if (expects === "word") response.writeContinue();
    serve(request, response, client);
  }

  // Node's own is asked last: it costs most of what a connection does.
  const speakHttp = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (socket) => {
    if (connections.add(socket)) for (const listener of speakHttp) listener.call(server, socket);
  });
  server.on("request", (request, response) => receive(request, response));
  server.on("checkContinue", (request, response) => receive(request, response, "word"));
  server.on("checkExpectation", (request, response) => receive(request, response, "other"));
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (error instanceof Flood) return connections.shutOut(socket);
    const peer = connections.peerOf(socket);
    if (peer === undefined || !socket.writable) return void socket.destroy();
    if (limit.take(peer.client) > 0 && !peer.isProxy) return restAndEnd(socket, clock);
    endWith(socket, answerFault(error.code));
  });
}

/** To be told to go on, or something that the hub does not do. */
type Expects = "word" | "other";

const unmet = plainAnswer(417, "Expect must be 100-continue", { Connection: "close" });

/** The last word on a connection, whatever else comes. */
function endWith(socket: Duplex, answer: Answer): void {
  socket.end(toBytes(answer), () => socket.destroy());
}

function isSocketAddress(address: ReturnType<Server["address"]>): address is AddressInfo {
  return typeof address === "object" && address !== null;
}

/** Requests under way have a second to be answered; then they are cut off, though what they asked may be stored. */
async function close(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  const force = setTimeout(() => {
    server.closeAllConnections();
  }, 1000);
  await closed;
  clearTimeout(force);
}
