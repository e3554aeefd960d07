import { expect, test } from "vitest";

import { attemptsOf } from "./support/attempts.ts";
import { openHoldingSubscriber } from "./support/holding-subscriber.ts";
import { openPublisher } from "./support/publisher.ts";
import { openTestHub, type TestHub } from "./support/test-hub.ts";
import { turns, until } from "./support/until.ts";

// What several bodies take of memory together is bounded: they take turns, and nothing else waits for them.

const large = 9 * 1024 * 1024;
const softDeadlineMs = 2000;
const wallClockMs = 15_000;

async function openLargeTopics(count: number) {
  const stack = new AsyncDisposableStack();
  const publisher = stack.use(await openPublisher());
  const hub = stack.use(await openTestHub({ running: true }));
  const topics = Array.from({ length: count }, (_, i) => publisher.topic(`/${i}`));
  const subscribers = [];
  for (const [i, topic] of topics.entries()) {
    const subscriber = stack.use(await openHoldingSubscriber());
    publisher.serve(`/${i}`, { body: Buffer.alloc(large, `${i}`) });
    await subscribe(hub, topic, subscriber.callback());
    subscribers.push(subscriber);
  }
  return { hub, publisher, topics, subscribers, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function subscribe(hub: TestHub, topic: string, callback: string): Promise<void> {
  await hub.post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback });
  await until(async () => (await hub.store.subscriptions.find(topic, callback)) !== undefined);
}

test("§7 a large publication waits while another is being sent, a small one does not", async () => {
  await using scene = await openLargeTopics(2);
  const { hub, publisher, topics, subscribers } = scene;
  const [first, second] = subscribers;
  await using small = await openHoldingSubscriber();
  publisher.serve("/small", { body: "small" });
  await subscribe(hub, publisher.topic("/small"), small.callback());

  await hub.post({ "hub.mode": "publish", "hub.url": topics[0] ?? "" });
  await until(() => first?.open.length === 1);
  await hub.post({ "hub.mode": "publish", "hub.url": topics[1] ?? "" });
  await until(async () => (await hub.store.topics.find(topics[1] ?? ""))?.lastSeq === 1);
  await hub.post({ "hub.mode": "publish", "hub.url": publisher.topic("/small") });
  await until(() => small.open.length === 1);
  await until(turns(50));
  expect(second?.open).toEqual([]);

  first?.answer(1, 204);
  await until(() => second?.open.length === 1);
  expect(second?.open[0]?.body.equals(Buffer.alloc(large, "1"))).toBe(true);
});

test("§7 an attempt that left its chunk still holds its body", async () => {
  await using scene = await openLargeTopics(2);
  const { hub, topics, subscribers } = scene;
  const [first, second] = subscribers;
  await hub.post({ "hub.mode": "publish", "hub.url": topics[0] ?? "" });
  await until(() => first?.open.length === 1);
  const topicId = (await hub.store.topics.find(topics[0] ?? ""))?.id ?? 0;
  hub.clock.advance(softDeadlineMs);
  await until(async () => (await hub.store.fanOuts.progress({ topicId, seq: 1 }))?.behind === 1);

  await hub.post({ "hub.mode": "publish", "hub.url": topics[1] ?? "" });
  await until(async () => (await hub.store.topics.find(topics[1] ?? ""))?.lastSeq === 1);
  await until(turns(50));
  expect(second?.open).toEqual([]);

  hub.clock.advance(wallClockMs - softDeadlineMs);
  await until(() => second?.open.length === 1);
});

test("§7 what has waited for room in vain is tried again, and uses up no attempt", async () => {
  await using scene = await openLargeTopics(2);
  const { hub, topics, subscribers } = scene;
  const [first, second] = subscribers;
  await hub.post({ "hub.mode": "publish", "hub.url": topics[0] ?? "" });
  await until(() => first?.open.length === 1);
  await hub.post({ "hub.mode": "publish", "hub.url": topics[1] ?? "" });
  await until(async () => (await hub.store.topics.find(topics[1] ?? ""))?.lastSeq === 1);
  for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 1000) {
    hub.clock.advance(1000);
    await until(turns(20));
  }
  expect(second?.open).toEqual([]);

  first?.answer(1, 204);
  await until(() => second?.open.length === 1);
  expect(second?.open[0]?.headers["carillon-attempt"]).toBe("1");
});

test("§7 a retry for which there is no room is put off, and uses up no attempt", async () => {
  await using scene = await openLargeTopics(2);
  const { hub, topics, subscribers } = scene;
  const [first, second] = subscribers;
  await hub.post({ "hub.mode": "publish", "hub.url": topics[1] ?? "" });
  await until(() => second?.open.length === 1);
  second?.answer(1, 500);
  await until(async () => (await attemptsOf(hub, topics[1] ?? "")).length === 1);
  await hub.post({ "hub.mode": "publish", "hub.url": topics[0] ?? "" });
  await until(() => first?.open.length === 1);
  for (let waitedMs = 0; waitedMs < 11_000; waitedMs += 1000) {
    hub.clock.advance(1000);
    await until(turns(20));
  }
  await until(async () => (await attemptsOf(hub, topics[1] ?? "")).length === 2);

  first?.answer(1, 204);
  hub.clock.advance(60_000);
  await until(() => second?.open.length === 1);
  expect(second?.open[0]?.headers["carillon-attempt"]).toBe("2");
  expect(await attemptsOf(hub, topics[1] ?? "")).toMatchObject([
    { attempt: 1, status: 500 },
    { attempt: 2, reason: "exhausted: there is no room in memory for another body" },
  ]);
});

test("§6 topics whose bodies do not fit side by side are fetched one after the other, none of them in vain", async () => {
  await using scene = await openLargeTopics(3);
  const { hub, publisher, topics, subscribers } = scene;
  for (const subscriber of subscribers) subscriber.release(204);

  await hub.post([["hub.mode", "publish"], ...topics.map((topic): [string, string] => ["hub.url", topic])]);
  await until(() => subscribers.every(({ deliveries }) => deliveries.length === 1));

  expect(subscribers.map(({ deliveries }) => deliveries[0]?.body.length)).toEqual([large, large, large]);
  expect(publisher.fetches.length).toBeLessThanOrEqual(2 * topics.length);
});
