import { createHmac } from "node:crypto";
import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";

import { expect, test } from "vitest";

import { systemClock } from "../src/clock.ts";
import { DeliveryThreads } from "../src/distribute/delivery-threads.ts";
import type { HeaderPolicy } from "../src/distribute/delivery-headers.ts";
import { createPost } from "../src/distribute/post.ts";
import { serveOrders } from "../src/distribute/serve-orders.ts";
import type { Orders, PostOrder } from "../src/distribute/thread-messages.ts";
import type { Publication } from "../src/model/publication.ts";
import type { Recipient } from "../src/model/subscription.ts";
import { openPoliteHost, openPoster, openSlowHost } from "./outbound/peers.ts";
import { createSecrets } from "../src/secrets.ts";
import type { Behaviour } from "./support/subscriber.ts";
import { openSubscriber } from "./support/subscriber.ts";
import { openTestHub } from "./support/test-hub.ts";
import { openPublisher } from "./support/publisher.ts";
import { TestClock } from "./support/test-clock.ts";
import { until } from "./support/until.ts";

const program = new URL("../src/delivery-thread.ts", import.meta.url);
const now = new Date("2026-01-01T00:00:00Z");
const settings = {
  headers: {
    hubUrl: "https://hub.example/",
    ourUrls: ["https://hub.example/"],
    userAgent: "Carillon/test",
    signatures: { fallback: "sha256", byHost: [] },
  } satisfies HeaderPolicy,
  poster: { allowCidrs: ["127.0.0.0/8"], connectionsPerOrigin: 64, maxSockets: 1000 },
  secretKeys: [],
};
const publication: Publication = {
  topicId: 1,
  seq: 7,
  topicUrl: "https://blog.example/feed",
  contentType: "text/plain",
  links: { hubs: [], self: undefined },
  publishedAt: now,
  body: Buffer.from("a version of the topic"),
};

function recipient(callback: string): Recipient {
  return { subscriptionId: 1, callback, secret: "s3cret", signatureMethod: undefined, generation: 0 };
}

async function openThreads(count: number, receive?: Behaviour["receive"]) {
  const stack = new AsyncDisposableStack();
  const workers: Worker[] = [];
  const errors: unknown[] = [];
  const clock = new TestClock(now);
  const cut = new AbortController();
  const subscriber = stack.use(await openSubscriber(receive === undefined ? {} : { receive }));
  const spawn = () => {
    const worker = new Worker(program, { workerData: settings });
    workers.push(worker);
    return worker;
  };
  const onError = (error: unknown) => void errors.push(error);
  const threads = stack.use(new DeliveryThreads({ count, spawn, clock, cut: cut.signal, onError }));
  return {
    subscriber,
    workers,
    errors,
    clock,
    cut,
    post: (path = "/", version = publication) =>
      threads.post(version, recipient(new URL(path, subscriber.origin).href), 1, now),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test("§7 a delivery thread signs and sends, byte for byte what the main thread would", async () => {
  await using opened = await openThreads(1, () => ({ status: 503, headers: { "Retry-After": "120" } }));
  expect(opened.workers).toEqual([]); // none before there is something to send
  expect(await opened.post()).toEqual({ kind: "answered", status: 503, retryAfter: "120" });
  const [delivery] = opened.subscriber.deliveries;
  expect(delivery?.body.toString()).toBe("a version of the topic");
  const signature = createHmac("sha256", "s3cret").update(publication.body).digest("hex");
  expect(delivery?.headers).toMatchObject({
    "x-hub-signature": `sha256=${signature}`,
    "content-type": "text/plain",
    "carillon-attempt": "1",
    "user-agent": "Carillon/test",
  });
});

test("a publication that cannot be sent fails, and costs no thread its life", async () => {
  await using opened = await openThreads(1);
  const unsendable = { ...publication, contentType: "a\r\nb" };
  const posted = [opened.post("/1", unsendable), opened.post("/2"), opened.post("/3", unsendable)];
  expect(await Promise.all(posted)).toMatchObject([{ reason: "broken" }, { kind: "answered" }, { reason: "broken" }]);
  expect(opened.workers).toHaveLength(1);
  expect(opened.errors).toEqual([]);
});

test("an origin keeps to one thread, whatever their number", async () => {
  await using opened = await openThreads(3);
  for (let i = 0; i < 5; i++) await opened.post(`/${i}`);
  expect(opened.workers).toHaveLength(1);
});

test("a thread that has far more to do than another shares even what is its own", async () => {
  await using opened = await openThreads(2, () => "hang");
  for (let i = 0; i < 200; i++) void opened.post(`/${i}`);
  await until(() => opened.workers.length === 2);
  expect(opened.errors).toEqual([]);
});

test("what a thread was sending when it died is sent again by another, as the same delivery", async () => {
  let hangs = true;
  await using opened = await openThreads(1, () => (hangs ? "hang" : { status: 204 }));
  const posted = opened.post();
  await until(() => opened.subscriber.deliveries.length === 1);
  hangs = false;
  await opened.workers[0]?.terminate();
  expect(await posted).toEqual({ kind: "answered", status: 204, retryAfter: undefined });
  const ids = opened.subscriber.deliveries.map(({ headers }) => headers["webhook-id"]);
  expect(ids).toHaveLength(2);
  expect(new Set(ids).size).toBe(1);
  expect(opened.errors).toHaveLength(1);
  expect(await opened.post()).toMatchObject({ kind: "answered", status: 204 });
});

test("what is sent again has what is left of its wall clock, so that no other node sends it meanwhile", async () => {
  await using peer = await openSlowHost();
  await using opened = await openThreads(1);
  const posted = opened.post(peer.origin);
  await until(() => peer.waiting.length === 1);
  opened.clock.advance(12_500);
  await opened.workers[0]?.terminate();
  await until(() => peer.waiting.length === 2);
  const startedMs = performance.now();
  await until(() => peer.open() === 0);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  expect(await posted).toMatchObject({ kind: "failed", reason: "timeout" });
});

test("what lay before a thread while the process stood still is not sent", async () => {
  await using peer = await openPoliteHost();
  await using poster = openPoster();
  const { port1: ours, port2: theirs } = new MessageChannel();
  serveOrders(theirs, createPost(poster, settings.headers, createSecrets([]).open));
  const shared = { ...publication, body: new ArrayBuffer(4) };
  const order = (id: number, elapsedMs: number) =>
    [id, 1, id, peer.origin, undefined, undefined, 1, now.getTime(), elapsedMs] as const;
  const give = (waitedMs: number, ...posts: readonly PostOrder[]) => {
    const orders: Orders = { givenMs: systemClock.monotonicMs() - waitedMs, keep: [[1, shared]], posts, forget: [] };
    ours.postMessage(orders);
    return once(ours, "message");
  };
  expect(await give(60_000, order(2, 0))).toMatchObject([[[2, { kind: "failed", reason: "exhausted" }]]]);
  expect(await give(8000, order(3, 7500))).toMatchObject([[[3, { kind: "failed", reason: "timeout" }]]]);
  expect(peer.requests).toEqual([]);
  expect(await give(7000, order(4, 7000))).toEqual([[[4, 200]]]);
  ours.close();
});

test("what has cost two threads their life is a fault of our own, and does not cost a third", async () => {
  await using opened = await openThreads(1, () => "hang");
  const posted = opened.post();
  for (const life of [1, 2]) {
    await until(() => opened.subscriber.deliveries.length === life);
    await opened.workers[life - 1]?.terminate();
  }
  expect(await posted).toMatchObject({ kind: "failed", reason: "exhausted" });
  expect(opened.workers).toHaveLength(2);
});

test("a thread that says nothing holds nobody up for longer than the wall clock", async () => {
  await using opened = await openThreads(1, () => "hang");
  const posted = opened.post();
  opened.clock.advance(14_999);
  opened.clock.advance(1);
  expect(await posted).toMatchObject({ kind: "failed", reason: "timeout" });
  expect(opened.clock.waiting).toBe(0);
});

test("what is under way when the hub must end is called off at once", async () => {
  await using opened = await openThreads(2, () => "hang");
  const posted = [opened.post("/1"), opened.post("/2")];
  await until(() => opened.subscriber.deliveries.length === 2);
  opened.cut.abort();
  for (const answer of await Promise.all([...posted, opened.post("/3")])) {
    expect(answer).toMatchObject({ kind: "failed", reason: "aborted" });
  }
  expect(opened.clock.waiting).toBe(0);
});

test("§7 a hub with delivery threads delivers to many, in order, each signed with its own secret", async () => {
  await using hub = await openTestHub({ settings: { DELIVERY_THREADS: "2" } });
  await using publisher = await openPublisher();
  const peers = [await openSubscriber(), await openSubscriber(), await openSubscriber()];
  const topic = publisher.topic("/feed");
  for (const [i, peer] of peers.entries()) {
    for (let k = 0; k < 20; k++)
      await hub.subscribe(topic, peer.callback(`/${k}`), { "hub.secret": `secret ${i} ${k}` });
  }
  for (const body of ["one", "two", "three"]) {
    publisher.serve("/feed", { body });
    await hub.publish(topic);
  }
  for (const [i, peer] of peers.entries()) {
    const byTarget = Map.groupBy(peer.deliveries, ({ target }) => target);
    expect(byTarget.size).toBe(20);
    for (const [target, deliveries] of byTarget) {
      expect(deliveries.map(({ body }) => body.toString())).toEqual(["one", "two", "three"]);
      const secret = `secret ${i} ${target.slice(1)}`;
      const signatures = deliveries.map(({ body }) => createHmac("sha256", secret).update(body).digest("hex"));
      expect(deliveries.map(({ headers }) => headers["x-hub-signature"])).toEqual(
        signatures.map((hex) => `sha256=${hex}`),
      );
    }
  }
  for (const peer of peers) await peer[Symbol.asyncDispose]();
});
