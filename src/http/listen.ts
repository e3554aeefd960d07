import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:http";

import { getRequestListener } from "@hono/node-server";

import type { AppEnv } from "./app-env.ts";

export type Listening = AsyncDisposable & { readonly host: string; readonly port: number };

export type Answer = (request: Request, env: AppEnv["Bindings"]) => Response | Promise<Response>;

/** How long a client may take, so that slow ones do not use up the sockets. Milliseconds. */
const serverOptions = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 2000,
} as const;

/**
 * Every answer has them. Whether a host and all below it speak https is for its operator's proxy to say, not for one program
 * on it.
 */
const safeHeaders = new Map([
  ["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"],
  ["Cross-Origin-Opener-Policy", "same-origin"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
  ["Referrer-Policy", "no-referrer"],
  ["X-Content-Type-Options", "nosniff"],
  ["X-Frame-Options", "SAMEORIGIN"],
]);

/** Listens on `host` and `port` (0: any free one). Rejects when that cannot be had. Disposing ends open connections. */
export async function listen(host: string, port: number, fetch: Answer): Promise<Listening> {
  const answer = getRequestListener(fetch);
  const server = createServer(serverOptions, (request, response) => {
    response.setHeaders(safeHeaders);
    // Never rejects: what goes wrong it answers itself.
    void answer(request, response);
  });
  server.listen({ host, port });
  await once(server, "listening");
  const address = server.address();
  return { host, port: isSocketAddress(address) ? address.port : port, [Symbol.asyncDispose]: () => close(server) };
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
