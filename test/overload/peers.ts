import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";

/** Publishers and subscribers on addresses of their own, which take their time until they relent. */
export type Peers = AsyncDisposable & {
  /** Each at a host of its own. */
  readonly topics: readonly string[];
  /** Who is subscribed to each of them from the start. */
  readonly proven: readonly string[];
  /** The nth callback; hosts take turns. */
  readonly callback: (n: number) => string;
  /** Callbacks that were asked whether they want it. */
  readonly verified: ReadonlySet<string>;
  /** By topic: how often it was fetched, when that was last begun (`performance.now()`), and what was served then. */
  readonly fetched: ReadonlyMap<string, { readonly atMs: number; readonly body: string }>;
  /** By callback: what came last. */
  readonly delivered: ReadonlyMap<string, string>;
  readonly fetches: () => number;
  relent(): void;
};

export type PeersOptions = { readonly hosts: number; readonly verifyMs: number; readonly fetchMs: number };

export async function openPeers({ hosts, verifyMs, fetchMs }: PeersOptions): Promise<Peers> {
  const verified = new Set<string>();
  const fetched = new Map<string, { atMs: number; body: string }>();
  const delivered = new Map<string, string>();
  let hasRelented = false;
  let fetches = 0;
  const wait = (ms: number) => (hasRelented ? undefined : setTimeout(ms));

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", `http://${request.headers.host}`);
    const place = `${url.origin}${url.pathname}`;
    const challenge = url.searchParams.get("hub.challenge");
    if (request.method === "POST") {
      delivered.set(place, (await buffer(request)).toString());
      response.writeHead(204).end();
    } else if (challenge === null) {
      const body = `version ${(fetches += 1)}`;
      fetched.set(place, { atMs: performance.now(), body });
      await wait(fetchMs);
      response.end(body);
    } else {
      verified.add(place);
      await wait(verifyMs);
      response.end(challenge);
    }
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  server.listen({ host: "0.0.0.0", port: 0, backlog: 4096 });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const at = (network: number, n: number) => `http://127.${network}.${n >> 8}.${n & 255}:${port}`;
  return {
    topics: Array.from({ length: hosts }, (_, i) => `${at(20, i + 1)}/topic`),
    proven: Array.from({ length: hosts }, (_, i) => `${at(22, i + 1)}/proven`),
    callback: (n) => `${at(21, (n % hosts) + 1)}/callback/${n}`,
    verified,
    fetched,
    delivered,
    fetches: () => fetches,
    relent() {
      hasRelented = true;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
