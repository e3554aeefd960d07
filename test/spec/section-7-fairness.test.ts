import type { Socket } from "node:net";

import { expect, test } from "vitest";

import { openRawPeer, type RawPeer } from "../hostile/raw-peer.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestHub, type TestHub } from "../support/test-hub.ts";
import { turns, until } from "../support/until.ts";

/** How hostile subscribers answer a delivery: with all but an end. */
const manners: readonly ((socket: Socket) => void)[] = [
  () => undefined, // never
  (socket) => {
    socket.write("HTTP/1.1 200 OK\r\nX-Drip: ");
    const timer = setInterval(() => socket.write("a"), 100);
    socket.once("close", () => clearInterval(timer));
  },
  (socket) => void socket.write("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n".repeat(300)),
  (socket) => void socket.end("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /\r\n\r\n"),
];
const originsOfEach = 5;
const perOrigin = 25;

function openHostile(manner: (socket: Socket) => void): Promise<RawPeer> {
  return openRawPeer(({ method, target }, socket) => {
    if (method !== "GET") return manner(socket);
    const challenge = new URL(target, "http://peer.example").searchParams.get("hub.challenge") ?? "";
    socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${challenge.length}\r\n\r\n${challenge}`);
  });
}

async function subscribeAll(hub: TestHub, topic: string, callbacks: readonly string[]): Promise<void> {
  for (const callback of callbacks) {
    await hub.post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback });
  }
  for (const callback of callbacks) {
    await until(async () => (await hub.store.subscriptions.find(topic, callback)) !== undefined);
  }
}

/** How much time goes by, a hundredth of a second at a time, until `condition` holds. */
async function timeUntil(hub: TestHub, condition: () => boolean): Promise<number> {
  for (let ms = 0; ; ms += 10) {
    await until(turns(50));
    if (condition()) return ms;
    hub.clock.advance(10);
  }
}

test("§7 500 subscribers that never answer, drip, flood or redirect do not hold up the one that answers", async () => {
  await using stack = new AsyncDisposableStack();
  const publisher = stack.use(await openPublisher());
  const healthy = stack.use(await openSubscriber());
  const hub = stack.use(await openTestHub({ running: true }));
  const topic = publisher.topic("/feed");
  const hostile: RawPeer[] = [];
  for (const manner of manners) {
    for (let i = 0; i < originsOfEach; i += 1) hostile.push(stack.use(await openHostile(manner)));
  }
  const callbacks = hostile.flatMap(({ origin }) => Array.from({ length: perOrigin }, (_, i) => `${origin}/${i}`));
  await subscribeAll(hub, topic, [...callbacks, healthy.callback()]);
  const publish = async (version: number) => {
    publisher.serve("/feed", { body: `${version}` });
    await hub.post({ "hub.mode": "publish", "hub.url": topic });
    return timeUntil(hub, () => healthy.deliveries.length === version);
  };

  const first = await publish(1);
  hub.clock.advance(20_000); // the hostile have had their time, and are known from now on
  await until(turns(200));
  const later = [await publish(2), await publish(3), await publish(4)];

  expect(callbacks).toHaveLength(500);
  expect([first, ...later]).toEqual([0, 0, 0, 0]);
});
