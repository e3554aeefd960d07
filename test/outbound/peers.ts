import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer as createRawServer, type Server, type Socket } from "node:net";
import { systemClock } from "../../src/clock.ts";
import type { Outbound, OutboundRequest, Poster, PostRequest } from "../../src/outbound/outbound.ts";
import { createPoster, type PosterOptions } from "../../src/outbound/poster.ts";
import { createOutbound, type OutboundOptions } from "../../src/outbound/create-outbound.ts";
import { until } from "../support/until.ts";
import { testCertificate, testKey } from "./test-certificate.ts";

export type Peer = AsyncDisposable & {
  readonly port: number;
  readonly origin: string;
  /** Connections accepted so far. */
  readonly connections: () => number;
  /** Connections open now. */
  readonly open: () => number;
};

/** A well-behaved server on 127.0.0.1. */
export function openPeer(listener: RequestListener): Promise<Peer> {
  return listen(createServer(listener), "http");
}

export function openSecurePeer(listener: RequestListener): Promise<Peer> {
  return listen(createSecureServer({ cert: testCertificate, key: testKey }, listener), "https");
}

/** A server that may do anything with its sockets; `onRequest` runs once per connection, when something has arrived. */
export function openRawPeer(onRequest: (socket: Socket, head: string) => void): Promise<Peer> {
  return listen(
    createRawServer((socket) => {
      socket.on("error", () => {}); // that we hang up on it is what many tests want
      socket.once("data", (chunk) => onRequest(socket, chunk.toString("latin1")));
    }),
    "http",
  );
}

/** Answers at once, and keeps what it was asked. */
export async function openPoliteHost(): Promise<Peer & { readonly requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const peer = await openPeer((request, response) => {
    requests.push(request);
    response.end("thank you");
  });
  return { ...peer, requests };
}

/** Answers when `answer` is called. */
export async function openSlowHost(): Promise<Peer & { readonly waiting: ServerResponse[]; answer: () => void }> {
  const waiting: ServerResponse[] = [];
  const peer = await openPeer((_request, response) => void waiting.push(response));
  return { ...peer, waiting, answer: () => waiting.splice(0).forEach((response) => response.end()) };
}

/** Resolves when a socket is gone, however it ended. */
export async function closed(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once("close", () => resolve());
  if (!socket.closed) await promise;
}

/** A raw peer's first connection, and how to tell of it. */
export function firstSocket(): { socket: (socket: Socket) => void; arrived: Promise<Socket> } {
  const { promise, resolve } = Promise.withResolvers<Socket>();
  return { socket: resolve, arrived: promise };
}

/** Writes `text` once per turn of the loop until the socket is gone. */
export function drip(socket: Socket, text: string): void {
  if (text === "" || socket.destroyed) return;
  socket.write(text);
  setImmediate(drip, socket, text);
}

/** A port of 127.0.0.1 where nobody listens. */
export async function closedPort(): Promise<number> {
  await using peer = await openRawPeer(() => {});
  return peer.port;
}

async function listen(server: Server, scheme: string): Promise<Peer> {
  const sockets = new Set<Socket>();
  let count = 0;
  server.on("connection", (socket: Socket) => {
    count += 1;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `${scheme}://127.0.0.1:${port}`,
    connections: () => count,
    open: () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** An outbound that may reach loopback. */
export function openOutbound(options: Partial<OutboundOptions> = {}): Outbound {
  const limits = { connectionsPerOrigin: 4, maxSockets: 1_000 };
  return createOutbound({ allowCidrs: ["127.0.0.0/8"], clock: systemClock, ...limits, ...options });
}

/** A GET that reads the body, with limits no test meets by accident. */
export function get(url: string, options: Partial<OutboundRequest> = {}): OutboundRequest {
  return {
    url,
    headers: {},
    wallClockMs: 20_000,
    maxBytes: 1_000_000,
    signal: new AbortController().signal,
    ...options,
  };
}

/** A poster that may reach loopback. */
export function openPoster(options: Partial<PosterOptions> = {}): Poster {
  const limits = { connectionsPerOrigin: 4, maxSockets: 1_000 };
  return createPoster({ allowCidrs: ["127.0.0.0/8"], clock: systemClock, ...limits, ...options });
}

/**
 * One POST, and the hub has closed its connection: of an origin that is met once none is kept. It is met again by whatever is
 * answered in the next 4 s.
 */
export async function meet(poster: Poster, peer: Peer, url = peer.origin): Promise<void> {
  const open = peer.open();
  const answer = await poster.post(post(url));
  if (answer.kind === "failed") throw new Error(answer.detail);
  await until(() => peer.open() <= open);
}

export function post(url: string, body = "x", headers = ""): PostRequest {
  return { url, headers, body: Buffer.from(body) };
}
