import { expect, test } from "vitest";

import { byName, NameServer } from "../support/name-server.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";

const minute = 60_000;

/** A hub in whose hands is its name server, and a subscription to a topic by name. */
async function openParts() {
  const stack = new AsyncDisposableStack();
  const names = new NameServer();
  const hub = stack.use(await openTestHub({ resolve: names.resolve }));
  const publisher = stack.use(await openPublisher());
  const subscriber = stack.use(await openSubscriber());
  const topic = byName(publisher.topic("/feed"));
  await hub.subscribe(topic, subscriber.callback());
  return {
    names,
    hub,
    publisher,
    subscriber,
    topic,
    known: () => hub.store.topics.find(topic),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test("§6 a fetch that a fault of the hub's own hinders is made every 60 s until it can be: no ping is lost", async () => {
  await using parts = await openParts();
  const { names, hub, publisher, subscriber, topic } = parts;
  publisher.serve("/feed", { body: "news" });
  await hub.publish(topic);
  for (let asked = 1; asked <= 10; asked += 1) {
    await hub.pass(minute - 1);
    expect(names.asked).toBe(asked);
    await hub.pass(1);
  }
  await hub.pass(7 * 86_400_000);
  const fetchError = "exhausted: the hub could not resolve peer.example (EAI_AGAIN)";
  expect(await parts.known()).toMatchObject({ fetchFailures: 0, fetchError });

  names.isDown = false;
  await hub.pass(minute);
  expect(subscriber.deliveries.map(({ body }) => String(body))).toEqual(["news"]);
  expect(await parts.known()).toMatchObject({ fetchError: undefined, fetchDueAt: undefined });
});

test("§6 a fetch that a fault of the hub's own hinders is none of the publisher's failures", async () => {
  await using parts = await openParts();
  const { names, hub, publisher, topic } = parts;
  publisher.serve("/feed", { status: 503, headers: { connection: "close" } });
  names.isDown = false;
  await hub.publish(topic); // the first failure, tried again after 5 s
  names.isDown = true;
  await hub.pass(5000);
  names.isDown = false;
  await hub.pass(minute); // the second, tried again after 30 s
  expect(publisher.fetches).toHaveLength(2);
  expect(await parts.known()).toMatchObject({ fetchFailures: 2, fetchError: "answered 503" });
  await hub.pass(29_999);
  expect(publisher.fetches).toHaveLength(2);
  await hub.pass(1);
  expect(publisher.fetches).toHaveLength(3);
});
