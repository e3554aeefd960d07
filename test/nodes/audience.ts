import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

import type { Arrival, Ledger } from "./ledger.ts";

/** What a subscriber does with a POST. Both absent: 204, after a moment. */
export type Mood = { readonly fails?: boolean; readonly delayMs?: number };

export type AudienceOptions = {
  /** That many hosts. */
  readonly origins: number;
  readonly ledger: Ledger;
  readonly moodOf: (arrival: Arrival, isFirst: boolean) => Mood;
  readonly isExcused: (arrival: Arrival) => boolean;
};

/** All subscribers of a run: they confirm what they are asked, and tell the ledger what they are sent. */
export type Audience = AsyncDisposable & { readonly origins: readonly string[] };

const usualDelayMs = 30;

/** A callback is `/PATH/NUMBER`, a body `version N`; who sends says so in its User-Agent. */
export async function openAudience({ origins, ledger, moodOf, isExcused }: AudienceOptions): Promise<Audience> {
  const met = new Set<string>();
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const arrival = readArrival(request, await text(request));
    const name = `${arrival.path}/${arrival.subscriber}/${arrival.version}`;
    const { fails = false, delayMs = usualDelayMs } = moodOf(arrival, !met.has(name));
    if (fails) met.add(name);
    ledger.begin(arrival, isExcused(arrival));
    setTimeout(() => {
      // What its sender does not hear is taken all the same.
      ledger.end(arrival, !fails);
      if (request.socket.destroyed) ledger.figures.unheard += 1;
      response.writeHead(fails ? 503 : 204).end();
    }, delayMs);
  };
  const servers = await Promise.all(
    Array.from({ length: origins }, () =>
      listen((request, response) => {
        if (request.method === "GET")
          response.end(new URL(request.url ?? "", "http://a").searchParams.get("hub.challenge"));
        // A sender that is killed breaks off in the middle of its body: nothing has arrived then.
        else take(request, response).catch(() => response.destroy());
      }),
    ),
  );
  return {
    origins: servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    async [Symbol.asyncDispose]() {
      const closed = servers.map((server) => once(server, "close"));
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
      await Promise.all(closed);
    },
  };
}

function readArrival({ url = "", headers }: IncomingMessage, body: string): Arrival {
  const [, path = "", subscriber = ""] = /^(\/.*)\/(\d+)$/.exec(url) ?? [];
  const [, version = "0"] = /^version (\d+)$/.exec(body) ?? [];
  const [, node = "nobody"] = /\(\+(http:[^)]*)\)/.exec(headers["user-agent"] ?? "") ?? [];
  return {
    path,
    subscriber: Number(subscriber),
    version: Number(version),
    webhookId: String(headers["webhook-id"]),
    node,
  };
}

async function listen(listener: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(listener);
  server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 });
  await once(server, "listening");
  return server;
}
