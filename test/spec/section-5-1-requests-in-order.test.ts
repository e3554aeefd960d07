import { expect, test } from "vitest";

import { confirming, signatureOf, toSubscribe, toUnsubscribe } from "../support/requests.ts";
import { openScene } from "../support/scene.ts";
import { echo, openSubscriber, parameters, type Subscriber } from "../support/subscriber.ts";
import { openPublisher } from "../support/publisher.ts";
import { openTestHub } from "../support/test-hub.ts";

// Several requests for one pair, some of them perhaps forged: anybody may send one, only the callback's owner can confirm it.

function modes(subscriber: Subscriber): (string | null)[] {
  return subscriber.verifications.map((request) => parameters(request).get("hub.mode"));
}

test("§5.1 requests for one pair are verified one by one and in order: the last one verified counts", async () => {
  await using scene = await openScene();
  const { hub, topic, callback, subscriber } = scene;
  await hub.post(toUnsubscribe(topic, callback));
  await hub.post(toSubscribe(topic, callback, { "hub.secret": "first" }));
  await hub.post(toUnsubscribe(topic, callback));
  await hub.post(toSubscribe(topic, callback, { "hub.secret": "last" }));
  await hub.drain();
  await scene.update("content");
  expect(modes(subscriber)).toEqual(["subscribe", "unsubscribe", "subscribe", "unsubscribe", "subscribe"]);
  expect(subscriber.deliveries.map(({ headers }) => headers["x-hub-signature"])).toEqual([
    signatureOf("content", "last"),
  ]);
});

test("§5.1 subscribe, then unsubscribe before anything was verified: both are verified, and nothing is left", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  publisher.serve("/feed", { body: "content" });
  await hub.post(toSubscribe(publisher.topic("/feed"), subscriber.callback()));
  await hub.post(toUnsubscribe(publisher.topic("/feed"), subscriber.callback()));
  await hub.drain();
  await hub.publish(publisher.topic("/feed"));
  expect(modes(subscriber)).toEqual(["subscribe", "unsubscribe"]);
  expect(subscriber.deliveries).toEqual([]);
});

test("§5.1 the next request for a pair waits for the verification of the one before", async () => {
  const answered = Promise.withResolvers<void>();
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber({
    verify: async (request) => {
      await answered.promise;
      return echo(request);
    },
  });
  const topic = "http://127.0.0.1:2/feed";
  await hub.post(toSubscribe(topic, subscriber.callback()));
  await hub.post(toSubscribe(topic, subscriber.callback(), { "hub.secret": "s" }));
  await hub.post(toSubscribe(topic, subscriber.callback("/other")));
  const draining = hub.drain();
  await subscriber.seen(2);
  expect(new Set(subscriber.verifications.map(({ target }) => target.split("?")[0]))).toEqual(
    new Set(["/callback", "/other"]),
  );
  answered.resolve();
  await draining;
  expect(subscriber.verifications).toHaveLength(3);
});

test("§5.1 the next request for a pair also waits for the retries of the one before", async () => {
  let tries = 0;
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber({ verify: (one) => (++tries === 1 ? { status: 503 } : echo(one)) });
  const topic = "http://127.0.0.1:2/feed";
  await hub.post(toSubscribe(topic, subscriber.callback()));
  await hub.post(toUnsubscribe(topic, subscriber.callback()));
  await hub.drain();
  expect(modes(subscriber)).toEqual(["subscribe"]);
  await hub.pass(10_000);
  expect(modes(subscriber)).toEqual(["subscribe", "subscribe", "unsubscribe"]);
});

test("§5.1 the same request repeated while it waits is verified once", async () => {
  await using scene = await openScene();
  const renewal = toSubscribe(scene.topic, scene.callback, { "hub.secret": "s", "hub.verify_token": "t" });
  for (let n = 0; n < 5; n++) expect((await scene.hub.post(renewal)).status).toBe(202);
  for (let n = 0; n < 5; n++)
    expect((await scene.hub.post(toUnsubscribe(scene.topic, scene.callback))).status).toBe(202);
  await scene.hub.drain();
  expect(modes(scene.subscriber)).toEqual(["subscribe", "subscribe", "unsubscribe"]);
});

test.each([
  { "hub.secret": "other" },
  { "hub.lease_seconds": "400" },
  { "hub.verify_token": "other" },
  { "hub.signature_method": "sha512" },
])("§5.1 a request that differs in %j is another one, and verified too", async (more) => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  const topic = "http://127.0.0.1:2/feed";
  await hub.post(toSubscribe(topic, subscriber.callback()));
  await hub.post(toSubscribe(topic, subscriber.callback(), more));
  await hub.drain();
  expect(subscriber.verifications).toHaveLength(2);
});

test("§5.1 the same request repeated after it was verified is a renewal", async () => {
  await using scene = await openScene();
  await scene.hub.subscribe(scene.topic, scene.callback);
  expect(modes(scene.subscriber)).toEqual(["subscribe", "subscribe"]);
});

test("§5.1 a forged unsubscription does not displace a subscription that is still being verified", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber({ verify: confirming("subscribe") });
  publisher.serve("/feed", { body: "content" });
  const pair = [publisher.topic("/feed"), subscriber.callback()] as const;
  await hub.post(toSubscribe(...pair, { "hub.secret": "mine" }));
  await hub.post(toUnsubscribe(...pair));
  await hub.drain();
  await hub.publish(publisher.topic("/feed"));
  expect(modes(subscriber)).toEqual(["subscribe", "unsubscribe"]);
  expect(subscriber.deliveries.map(({ headers }) => headers["x-hub-signature"])).toEqual([
    signatureOf("content", "mine"),
  ]);
});

test("§5.1 a forged unsubscription does not keep the genuine one from being verified, before it or after it", async () => {
  await using scene = await openScene({
    verify: (one) => (parameters(one).get("hub.verify_token") === "mine" ? echo(one) : { status: 404 }),
    asking: { "hub.verify_token": "mine" },
  });
  const genuine = toUnsubscribe(scene.topic, scene.callback, { "hub.verify_token": "mine" });
  await scene.hub.post(toUnsubscribe(scene.topic, scene.callback));
  await scene.hub.post(genuine);
  await scene.hub.post(toUnsubscribe(scene.topic, scene.callback, { "hub.verify_token": "forged" }));
  await scene.hub.drain();
  await scene.update("content");
  expect(modes(scene.subscriber)).toEqual(["subscribe", "unsubscribe", "unsubscribe", "unsubscribe"]);
  expect(scene.bodies()).toEqual([]);
});

test("§5.1 forged renewals and unsubscriptions that the callback refuses leave secret and lease as they were", async () => {
  let open = true;
  await using scene = await openScene({
    asking: { "hub.secret": "mine", "hub.lease_seconds": "3000" },
    verify: (request) => (open ? echo(request) : { status: 404 }),
  });
  open = false;
  for (const secret of ["forged 1", "forged 2"]) {
    await scene.hub.post(
      toSubscribe(scene.topic, scene.callback, { "hub.secret": secret, "hub.lease_seconds": "300" }),
    );
    await scene.hub.post(toUnsubscribe(scene.topic, scene.callback));
  }
  await scene.hub.drain();
  scene.hub.clock.advance(2_000_000);
  await scene.update("content");
  expect(modes(scene.subscriber)).toHaveLength(5);
  expect(scene.subscriber.deliveries.map(({ headers }) => headers["x-hub-signature"])).toEqual([
    signatureOf("content", "mine"),
  ]);
});
