import { expect, test } from "vitest";

import { callbacksAt, ticking } from "../support/crowd.ts";
import { openPublisher } from "../support/publisher.ts";
import { type RawAnswer, sendRaw } from "../support/raw-request.ts";
import { toSubscribe } from "../support/requests.ts";
import { echo, openSubscriber } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";

// A minute of ten times what can be done: npm run overload.

test("more than can be done: 429 and 503 say when to come again, and what was accepted is verified and delivered", async () => {
  const settings = { REQUESTS_PER_MINUTE: "220" };
  await using hub = await openTestHub({ running: true, mostPending: 40, settings });
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  const relented = Promise.withResolvers<void>();
  await using slow = await openSubscriber({
    async verify(request) {
      await relented.promise;
      return echo(request);
    },
  });
  const topic = publisher.topic("/feed");
  publisher.serve("/feed", { body: "before" });
  await hub.post(toSubscribe(topic, subscriber.callback()));
  await ticking(hub, async () => (await hub.store.topics.find(topic))?.subscribers === 1);

  publisher.serve("/feed", { body: "after" });
  const callbacks = callbacksAt(slow, 120);
  const wanted = callbacks.flatMap((one) => [
    toSubscribe(topic, one),
    { "hub.mode": "publish", "hub.url": topic } as const,
  ]);
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const post = (form: (typeof wanted)[number]) =>
    sendRaw(hub.url, { headers, body: String(new URLSearchParams({ ...form })) });
  const answers: RawAnswer[] = [];
  for (let from = 0; from < wanted.length; from += 40)
    answers.push(...(await Promise.all(wanted.slice(from, from + 40).map(post))));
  const statuses = answers.map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([202, 204, 429, 503]));
  const refused = answers.filter(({ status }) => status === 429 || status === 503);
  expect(refused.filter((answer) => !/^[1-9]\d*$/.test(String(answer.headers["retry-after"])))).toEqual([]);

  relented.resolve();
  const accepted = callbacks.filter((_, i) => statuses[2 * i] === 202);
  expect(accepted.length).toBeGreaterThan(0);
  await ticking(hub, async () => (await hub.store.topics.find(topic))?.subscribers === 1 + accepted.length);
  await ticking(hub, () => subscriber.deliveries.at(-1)?.body.toString() === "after");
  expect(slow.verifications).toHaveLength(accepted.length);
});
