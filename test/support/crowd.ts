import { setImmediate } from "node:timers/promises";

import type { Publisher } from "./publisher.ts";
import { toSubscribe } from "./requests.ts";
import type { TestHub } from "./test-hub.ts";
import { until } from "./until.ts";

/** So many callbacks at one subscriber: `/PREFIX0`, `/PREFIX1`, ... */
export function callbacksAt(
  subscriber: { callback(path: string): string },
  count: number,
  prefix = "",
): readonly string[] {
  return Array.from({ length: count }, (_, index) => subscriber.callback(`/${prefix}${index}`));
}

/** Subscribes them all and has them verified. */
export async function subscribeAll(hub: TestHub, topic: string, callbacks: readonly string[]): Promise<void> {
  const before = (await hub.store.topics.find(topic))?.subscribers ?? 0;
  for (const callback of callbacks) await hub.post(toSubscribe(topic, callback));
  await hub.drain();
  await until(async () => (await hub.store.topics.find(topic))?.subscribers === before + callbacks.length);
}

/** Serves a version, pings, and resolves when it is stored. The workers of the hub run by themselves. */
export async function announce(hub: TestHub, publisher: Publisher, path: string, body: string): Promise<void> {
  const topic = publisher.topic(path);
  const before = (await hub.store.topics.find(topic))?.lastSeq ?? 0;
  publisher.serve(path, { body });
  await hub.post({ "hub.mode": "publish", "hub.url": topic });
  await until(async () => (await hub.store.topics.find(topic))?.lastSeq === before + 1);
}

/** Lets time go by, a checkpoint at a time, until `condition` holds. On a store that is asked over a wire work goes on meanwhile. */
export async function ticking({ clock }: TestHub, condition: () => boolean | Promise<boolean>): Promise<void> {
  await until(async () => {
    await turns(20);
    clock.advance(50);
    return condition();
  });
}

/** As long as the store takes to write down what has just happened, and to say what comes next. */
export async function storeTurns({ store }: TestHub, count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await store.attempts.newest(1, 1);
}

/** Long enough for what is under way on loopback to come, if it comes at all without the clock being moved. */
export async function turns(count = 50): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate();
}
