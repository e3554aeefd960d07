import { expect, test } from "vitest";

import { announce, callbacksAt, subscribeAll, turns } from "../support/crowd.ts";
import { openHoldingSubscriber } from "../support/holding-subscriber.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";
import { until } from "../support/until.ts";

/** A small topic beside one whose deliveries are held open. The hub is busy once 8 first attempts wait. */
async function openParts() {
  const stack = new AsyncDisposableStack();
  const hub = stack.use(await openTestHub({ running: true, settings: { MAX_IN_FLIGHT: "16", HOST_CONCURRENCY: "4" } }));
  const publisher = stack.use(await openPublisher());
  const held = stack.use(await openHoldingSubscriber());
  const quick = stack.use(await openSubscriber());
  await subscribeAll(hub, publisher.topic("/big"), callbacksAt(held, 40));
  await subscribeAll(hub, publisher.topic("/small"), [quick.callback("/")]);
  const isDone = async () => {
    const topic = await hub.store.topics.find(publisher.topic("/small"));
    return topic && (await hub.store.fanOuts.progress({ topicId: topic.id, seq: topic.lastSeq }))?.done;
  };
  return {
    hub,
    held,
    quick,
    isDone,
    publish: (path: string) => announce(hub, publisher, path, `a version of ${path}`),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test("§7 policy: what is delivered is on record at once while the hub has little to do", async () => {
  await using parts = await openParts();
  await parts.publish("/small");
  await until(async () => (await parts.isDone()) === true);
  expect(parts.quick.deliveries).toHaveLength(1);
});

test("§7 policy: while plenty waits it is on record 50 ms later at most, together with all else", async () => {
  await using parts = await openParts();
  await parts.publish("/big");
  await until(() => parts.held.open.length === 4);
  await parts.publish("/small");
  await until(() => parts.quick.deliveries.length === 1);
  await turns();
  expect(await parts.isDone()).toBe(false);
  let passedMs = 0;
  await until(async () => {
    parts.hub.clock.advance(1); // a delivery thread's word may come after a moment
    passedMs += 1;
    return (await parts.isDone()) === true;
  });
  expect(passedMs).toBeLessThan(500);
  parts.held.release(204);
});
