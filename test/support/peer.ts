import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as it came over the wire. */
export type Received = {
  readonly method: string;
  /** Request target, byte for byte. */
  readonly target: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names and values in turn, as sent. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
};

export type Answer = {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
};

/** Decides on an answer; "hang" never gives one. */
export type Answering = (request: Received) => Answer | "hang" | Promise<Answer | "hang">;

export type Peer = AsyncDisposable & {
  /** http://127.0.0.1:PORT */
  readonly origin: string;
  /** All requests so far, in order of arrival. */
  readonly received: readonly Received[];
  /** Resolves once `count` requests have come in all. */
  seen(count: number): Promise<void>;
};

/** A real HTTP server on loopback that records what it is asked. */
export async function openPeer(answering: Answering): Promise<Peer> {
  const received: Received[] = [];
  let waiters: { readonly count: number; readonly resolve: () => void }[] = [];
  const server = createServer((request, response) => {
    void serve(request, response);
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const one = await read(request);
    received.push(one);
    for (const waiter of waiters) if (received.length >= waiter.count) waiter.resolve();
    waiters = waiters.filter((waiter) => received.length < waiter.count);
    const answer = await answering(one);
    if (answer === "hang") return;
    response.writeHead(answer.status ?? 200, answer.headers ?? {}).end(answer.body);
  }

  server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 });
  await once(server, "listening");
  // listen() on a host and port gives an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    received,
    seen: (count) =>
      new Promise((resolve) => {
        if (received.length >= count) resolve();
        else waiters.push({ count, resolve });
      }),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function read(request: IncomingMessage): Promise<Received> {
  const parts: Buffer[] = [];
  for await (const part of request) if (Buffer.isBuffer(part)) parts.push(part);
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]),
  );
  const { method = "", url = "", rawHeaders } = request;
  return { method, target: url, headers, rawHeaders, body: Buffer.concat(parts) };
}
