import { expect, test } from "vitest";

import { toSubscribe, toUnsubscribe } from "../support/requests.ts";
import { openPublisher } from "../support/publisher.ts";
import { openScene } from "../support/scene.ts";
import { echo, openSubscriber, parameters } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";

const topic = "http://127.0.0.1:2/feed?a=%7E&b=c d".replace(" ", "%20");

/** 32 random bytes, in letters that no client mangles. */
const challenge: unknown = expect.stringMatching(/^[\w-]{43}$/);

test("§5.3 verification is a GET with mode, topic, challenge and lease, and nothing of the secret", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  await hub.subscribe(topic, subscriber.callback(), { "hub.secret": "s3cret", "hub.lease_seconds": "86400" });

  const [request] = subscriber.verifications;
  expect(request?.method).toBe("GET");
  expect(request && Object.fromEntries(parameters(request))).toEqual({
    "hub.mode": "subscribe",
    "hub.topic": topic,
    "hub.challenge": challenge,
    "hub.lease_seconds": "86400",
  });
  expect(JSON.stringify(request)).not.toContain("s3cret");
  expect(request?.body).toHaveLength(0);
});

test("§5.3 verification of an unsubscription says so, and offers no lease", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  await hub.subscribe(topic, subscriber.callback());
  await hub.post(toUnsubscribe(topic, subscriber.callback(), { "hub.lease_seconds": "86400" }));
  await hub.drain();

  const request = subscriber.verifications[1];
  expect(request && Object.fromEntries(parameters(request))).toEqual({
    "hub.mode": "unsubscribe",
    "hub.topic": topic,
    "hub.challenge": challenge,
  });
});

test("§5.3 every challenge is new: over callbacks, renewals, modes and retries", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  await using failing = await openSubscriber({ verify: () => ({ status: 500 }) });
  for (const path of ["/1", "/2", "/1", "/1"]) await hub.subscribe(topic, subscriber.callback(path));
  await hub.post(toUnsubscribe(topic, subscriber.callback("/1")));
  await hub.subscribe(topic, failing.callback());
  await hub.pass(10_000);
  await hub.pass(60_000);

  const all = [...subscriber.verifications, ...failing.verifications];
  expect(all).toHaveLength(8);
  expect(new Set(all.map((request) => parameters(request).get("hub.challenge"))).size).toBe(8);
});

test("§5.3 hub.verify_token is given back, also when unsubscribing", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  const token = { "hub.verify_token": "tök&en=1 +" };
  await hub.subscribe(topic, subscriber.callback(), token);
  await hub.post(toUnsubscribe(topic, subscriber.callback(), token));
  await hub.drain();
  expect(subscriber.verifications.map((one) => parameters(one).get("hub.verify_token"))).toEqual([
    "tök&en=1 +",
    "tök&en=1 +",
  ]);
});

test("§5.3 a verify_token of one request is not given back to the next", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  await hub.subscribe(topic, subscriber.callback(), { "hub.verify_token": "one" });
  await hub.subscribe(topic, subscriber.callback());
  expect(subscriber.verifications.map((one) => parameters(one).has("hub.verify_token"))).toEqual([true, false]);
});

test("§5.3 no subscription is in effect while its verification is unanswered", async () => {
  const answered = Promise.withResolvers<void>();
  await using scene = await openScene();
  await using late = await openSubscriber({
    verify: async (request) => {
      await answered.promise;
      return echo(request);
    },
  });

  await scene.hub.post(toSubscribe(scene.topic, late.callback()));
  const verifying = scene.hub.drain();
  await late.seen(1);
  const updating = scene.update("while");
  await scene.subscriber.seen(2);
  answered.resolve();
  await Promise.all([verifying, updating]);
  expect([scene.bodies(), late.deliveries]).toEqual([["while"], []]);

  await scene.update("after");
  expect(late.deliveries.map(({ body }) => String(body))).toEqual(["after"]);
});

test("§5.3 an unsubscription is not in effect while its verification is unanswered", async () => {
  const answered = Promise.withResolvers<void>();
  await using scene = await openScene({
    verify: async (request) => {
      if (parameters(request).get("hub.mode") === "unsubscribe") await answered.promise;
      return echo(request);
    },
  });

  await scene.hub.post(toUnsubscribe(scene.topic, scene.callback));
  const verifying = scene.hub.drain();
  await scene.subscriber.seen(2);
  const updating = scene.update("while");
  await scene.subscriber.seen(3);
  answered.resolve();
  await Promise.all([verifying, updating]);
  await scene.update("after");

  expect(scene.bodies()).toEqual(["while"]);
});

test("§5.3 only the callback's answer confirms: a challenge that is sent to the hub does not", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber({ verify: () => ({ status: 404 }) });
  publisher.serve("/feed", { body: "content" });
  await hub.subscribe(publisher.topic("/feed"), subscriber.callback());
  const [request] = subscriber.verifications;
  const heard = (request && parameters(request).get("hub.challenge")) ?? "";
  const form = toSubscribe(publisher.topic("/feed"), subscriber.callback(), { "hub.challenge": heard });

  expect((await hub.post(form)).status).toBe(202);
  expect((await fetch(`${hub.url}?${String(new URLSearchParams(form))}`)).status).toBe(200);
  await hub.drain();
  await hub.publish(publisher.topic("/feed"));

  expect(heard).toHaveLength(43);
  expect(subscriber.deliveries).toEqual([]);
});

test("§5.3 subscribing and unsubscribing: deliveries start with the one and end with the other", async () => {
  await using scene = await openScene();
  await scene.update("first");
  await scene.update("second");
  await scene.hub.post(toUnsubscribe(scene.topic, scene.callback));
  await scene.hub.drain();
  await scene.update("third");
  expect(scene.bodies()).toEqual(["first", "second"]);
});
