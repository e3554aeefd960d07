import { expect, test } from "vitest";

import { signatureOf, toUnsubscribe } from "../support/requests.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";

// Section 1 of the Recommendation: the pair of topic URL and callback URL is the key of a subscription.

test("§1 one callback on two topics has two subscriptions: leaving one keeps the other", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  const [one, two] = [publisher.topic("/feed?n=1"), publisher.topic("/feed?n=2")];
  publisher.serve("/feed?n=1", { body: "one" });
  publisher.serve("/feed?n=2", { body: "two" });

  await hub.subscribe(one, subscriber.callback());
  await hub.subscribe(two, subscriber.callback());
  await hub.post(toUnsubscribe(one, subscriber.callback()));
  await hub.drain();
  await hub.publish(one, two);

  expect(subscriber.deliveries.map(({ body }) => String(body))).toEqual(["two"]);
});

test("§1 callbacks that differ only in their query have subscriptions and secrets of their own", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  publisher.serve("/feed", { body: "content" });
  const topic = publisher.topic("/feed");

  await hub.subscribe(topic, subscriber.callback("/cb?k=1"), { "hub.secret": "first" });
  await hub.subscribe(topic, subscriber.callback("/cb?k=2"), { "hub.secret": "second" });
  await hub.subscribe(topic, subscriber.callback("/cb"));
  await hub.subscribe(topic, subscriber.callback("/gone"));
  await hub.post(toUnsubscribe(topic, subscriber.callback("/gone")));
  await hub.publish(topic);

  const signatures = subscriber.deliveries.map(({ target, headers }) => [target, headers["x-hub-signature"]]);
  expect(Object.fromEntries(signatures)).toEqual({
    "/cb": undefined,
    "/cb?k=1": signatureOf("content", "first"),
    "/cb?k=2": signatureOf("content", "second"),
  });
  expect(signatures).toHaveLength(3);
});

test("§1 topics that differ only in their query are different topics", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  publisher.serve("/feed?n=1", { body: "one" });
  await hub.subscribe(publisher.topic("/feed"), subscriber.callback("/none"));
  await hub.subscribe(publisher.topic("/feed?n=1"), subscriber.callback("/one"));
  await hub.publish(publisher.topic("/feed?n=1"));
  expect(subscriber.deliveries.map(({ target }) => target)).toEqual(["/one"]);
});
