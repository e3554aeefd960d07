import { setImmediate } from "node:timers/promises";

import { expect, test } from "vitest";

import type { AttemptRecord } from "../../src/model/delivery.ts";
import { storeTurns } from "../support/crowd.ts";
import { openTestHub, type TestHub } from "../support/test-hub.ts";
import { openPublisher, type Publisher } from "../support/publisher.ts";
import { openSubscriber, type Subscriber } from "../support/subscriber.ts";
import { until } from "../support/until.ts";

/** How often a chunk writes down what has become of it (DESIGN 5). */
const checkpointMs = 50;

type Crowd = { readonly peers: readonly Subscriber[]; readonly callbacks: readonly string[] };

/** So many subscribers at each of these hosts. */
function crowd(peers: readonly Subscriber[], size: number): Crowd {
  const paths = Array.from({ length: size }, (_, index) => `/callback/${index}`);
  return { peers, callbacks: peers.flatMap((peer) => paths.map((path) => peer.callback(path))) };
}

async function subscribeAll(hub: TestHub, topic: string, crowds: readonly Crowd[]): Promise<void> {
  const callbacks = crowds.flatMap((one) => one.callbacks);
  for (const callback of callbacks) {
    await hub.post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback });
  }
  await until(async () => (await hub.store.topics.find(topic))?.subscribers === callbacks.length);
}

async function publish(hub: TestHub, publisher: Publisher, topic: string, body: string): Promise<void> {
  const before = (await hub.store.topics.find(topic))?.lastSeq ?? 0;
  publisher.serve("/feed", { body });
  await hub.post({ "hub.mode": "publish", "hub.url": topic });
  await until(async () => (await hub.store.topics.find(topic))?.lastSeq === before + 1);
}

/** What each callback has been sent, as one text: `1,1,3`. */
function histories({ peers, callbacks }: Crowd): readonly string[] {
  const sentTo = peers.flatMap((peer) =>
    peer.deliveries.map(({ target, body }) => ({ callback: peer.callback(target), body })),
  );
  const byCallback = Map.groupBy(sentTo, ({ callback }) => callback);
  return callbacks.map((callback) => (byCallback.get(callback) ?? []).map(({ body }) => body.toString()).join(","));
}

/** Resolves when every subscriber of the crowd has been sent `count` deliveries. */
async function sent({ peers, callbacks }: Crowd, count: number): Promise<void> {
  const each = callbacks.length / peers.length;
  await Promise.all(peers.map((peer) => peer.seen(each * (1 + count)))); // their verifications come on top
}

function deliveries({ peers }: Crowd): number {
  return peers.reduce((sum, peer) => sum + peer.deliveries.length, 0);
}

async function untilTicking(hub: TestHub, tickMs: number, isSo: () => Promise<boolean>): Promise<void> {
  await until(async () => {
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    await storeTurns(hub, 10); // time must not run ahead of a store that is asked over a wire
    hub.clock.advance(tickMs);
    return isSo();
  });
}

/** Resolves when `count` failures of that kind are on record. */
function failed(hub: TestHub, count: number, kind: (record: AttemptRecord) => boolean): Promise<void> {
  return until(async () => (await hub.store.attempts.newest(1, 10_000)).filter(kind).length === count);
}

test("§7 of 1,000 subscribers 100 fail for a while and 20 never answer: all get the newest, in order, and the healthy at once", async () => {
  await using hub = await openTestHub({ running: true });
  await using publisher = await openPublisher();
  await using healthyPeer = await openSubscriber();
  await using stack = new AsyncDisposableStack();
  const hungPeers: Subscriber[] = [];
  for (let i = 0; i < 20; i++) hungPeers.push(stack.use(await openSubscriber({ receive: () => "hang" })));
  let status = 503;
  await using failingPeer = await openSubscriber({ receive: () => ({ status }) });
  const healthy = crowd([healthyPeer], 880);
  const failing = crowd([failingPeer], 100);
  const hung = crowd(hungPeers, 1);
  const topic = publisher.topic("/feed");
  await subscribeAll(hub, topic, [healthy, failing, hung]);
  const start = hub.clock.now().getTime();
  const elapsedMs = () => hub.clock.now().getTime() - start;
  const first = { topicId: 1, seq: 1 };

  await publish(hub, publisher, topic, "1");
  await Promise.all([sent(healthy, 1), sent(failing, 1), sent(hung, 1)]);
  expect(elapsedMs()).toBe(0); // the hung have not cost the others any time

  // An answer that came after the last checkpoint is in the next one.
  await untilTicking(hub, checkpointMs, async () => (await hub.store.fanOuts.progress(first))?.delivered === 880);
  await publish(hub, publisher, topic, "2");
  hub.clock.advance(250); // another publication waits, so those who have not answered are on their own now
  await sent(healthy, 2);
  await publish(hub, publisher, topic, "3");
  await sent(healthy, 3);
  expect(elapsedMs()).toBeLessThan(5000);
  expect(new Set(histories(healthy))).toEqual(new Set(["1,2,3"]));
  expect(new Set(histories(failing))).toEqual(new Set(["1"])); // none was tried again yet
  expect(new Set(histories(hung))).toEqual(new Set(["1"]));

  hub.clock.advance(5000); // the first retry, which fails too
  await failed(hub, 100, ({ attempt, status: answered }) => attempt === 2 && answered === 503);
  expect(new Set(histories(failing))).toEqual(new Set(["1,3"]));
  status = 204;
  hub.clock.advance(10_000); // the hung attempts end
  await failed(hub, 20, ({ reason }) => reason?.startsWith("timeout: ") === true);
  hub.clock.advance(60_000);
  // Whoever was just looking for work looks again at the next poll.
  await untilTicking(hub, checkpointMs, async () => deliveries(failing) === 300 && deliveries(hung) === 40);
  expect(new Set(histories(failing))).toEqual(new Set(["1,3,3"]));
  expect(new Set(histories(hung))).toEqual(new Set(["1,3"]));
  expect(new Set(histories(healthy))).toEqual(new Set(["1,2,3"]));
});
