import { setInterval } from "node:timers/promises";

import type { Tell } from "./demo-screen.ts";
import { serveDemo } from "./demo-server.ts";

export type Shop = AsyncDisposable & {
  /** The topic. */
  readonly feed: string;
  /** Changes the stock every few seconds and pings the hub, until the signal. */
  openFor(signal: AbortSignal): Promise<void>;
};

const changeEveryMs = 3000;

/** A publisher: a stock feed that names its hub (§4) and pings it on every change (§6). */
export async function openShop(hub: string, tell: Tell): Promise<Shop> {
  let bells = 12;
  const server = await serveDemo((request, _, response) => {
    const body = stockFeed(hub, `${server.origin}/stock.atom`, bells);
    tell("hub", "fetches the feed", `${request.method} ${request.url}, ${Buffer.byteLength(body)} bytes`);
    response.writeHead(200, { "content-type": "application/atom+xml" }).end(body);
  });
  const feed = `${server.origin}/stock.atom`;
  return {
    feed,
    async openFor(signal) {
      for await (const _ of ticks(signal)) {
        bells = bells === 0 ? 12 : bells - 1;
        await ping(hub, feed, bells, tell, signal);
      }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function ping(hub: string, feed: string, bells: number, tell: Tell, signal: AbortSignal): Promise<void> {
  const form = new URLSearchParams({ "hub.mode": "publish", "hub.url": feed });
  const answer = await fetch(hub, { method: "POST", body: form, signal });
  tell("shop", "pings the hub", `${bells} bells in stock; answered ${answer.status}`);
}

function ticks(signal: AbortSignal): AsyncIterable<undefined> {
  return setInterval(changeEveryMs, undefined, { signal });
}

function stockFeed(hub: string, self: string, bells: number): string {
  const now = new Date().toISOString();
  return `<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <id>urn:example:stock</id>
  <title>Stock of the bell shop</title>
  <link rel="hub" href="${hub}"/>
  <link rel="self" href="${self}"/>
  <updated>${now}</updated>
  <entry>
    <id>urn:example:bell</id>
    <title>Bell, small</title>
    <updated>${now}</updated>
    <content>${bells} in stock</content>
  </entry>
</feed>
`;
}
