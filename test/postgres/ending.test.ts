import { expect, test } from "vitest";

import { openHoldingSubscriber } from "../support/holding-subscriber.ts";
import { openPeer } from "../support/peer.ts";
import { openPublisher } from "../support/publisher.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { openTestHub } from "../support/test-hub.ts";
import { until } from "../support/until.ts";

// Promise E on several nodes: what a node has claimed when it ends is another's at once, not when a lease is over.

test("promise E: what is left of a chunk is delivered by another node at once", async () => {
  await using database = await openTestDatabase();
  await using publisher = await openPublisher();
  await using subscriber = await openHoldingSubscriber();
  const settings = { HOST_CONCURRENCY: "1" };
  await using another = await openTestHub({ database, settings });
  const topic = publisher.topic("/feed");
  {
    const hub = await openTestHub({ database, settings, running: true });
    for (const path of ["/1", "/2", "/3"]) await hub.subscribe(topic, subscriber.callback(path));
    publisher.serve("/feed", { body: "one" });
    await hub.post({ "hub.mode": "publish", "hub.url": topic });
    await until(() => subscriber.open.length === 1);
    await another.drain();
    expect(subscriber.deliveries).toHaveLength(1);
    const ending = hub[Symbol.asyncDispose]();
    subscriber.answer(1, 204);
    await ending;
  }
  subscriber.release(204);
  await another.drain();
  expect(subscriber.deliveries.map(({ target }) => target).toSorted()).toEqual(["/1", "/2", "/3"]);
});

test("promise E: a delivery that is cut short is made again by another node at once, also one that had left its chunk", async () => {
  await using database = await openTestDatabase();
  await using publisher = await openPublisher();
  await using subscriber = await openHoldingSubscriber();
  await using another = await openTestHub({ database });
  const topic = publisher.topic("/feed");
  {
    await using hub = await openTestHub({ database, running: true });
    await hub.subscribe(topic, subscriber.callback());
    publisher.serve("/feed", { body: "one" });
    await hub.post({ "hub.mode": "publish", "hub.url": topic });
    await until(() => subscriber.open.length === 1);
    await until(async () => {
      hub.clock.advance(50);
      return (await another.store.fanOuts.progress({ topicId: 1, seq: 1 }))?.behind === 1;
    });
  }
  subscriber.release(204);
  await another.pass(600_000);
  expect(subscriber.deliveries.map(({ body }) => body.toString())).toEqual(["one", "one"]);
  const ids = subscriber.deliveries.map(({ headers }) => headers["webhook-id"]);
  expect(new Set(ids).size).toBe(1);
});

test("promise E: a verification and a fetch that are cut short are made by another node at once", async () => {
  await using database = await openTestDatabase();
  let hangs = true;
  await using peer = await openPeer(({ target }) => {
    const challenge = new URL(target, "http://x").searchParams.get("hub.challenge");
    if (target.startsWith("/quick")) return { status: 200, body: challenge ?? "" };
    return hangs ? "hang" : { status: 200, body: challenge ?? "content" };
  });
  await using another = await openTestHub({ database });
  const topic = `${peer.origin}/feed`;
  {
    await using hub = await openTestHub({ database, running: true });
    await hub.post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": `${peer.origin}/quick` });
    await peer.seen(1);
    await until(async () => (await hub.store.subscriptions.find(topic, `${peer.origin}/quick`)) !== undefined);
    await hub.post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": `${peer.origin}/slow` });
    await hub.post({ "hub.mode": "publish", "hub.url": topic });
    await peer.seen(3);
  }
  hangs = false;
  await another.drain();
  expect(await another.store.subscriptions.find(topic, `${peer.origin}/slow`)).toBeDefined();
  expect(await another.store.topics.find(topic)).toMatchObject({ lastSeq: 1 });
});
