import { expect, test } from "vitest";

import { openTestHub } from "../support/test-hub.ts";
import { inTurn } from "../support/in-turn.ts";
import { openPublisher } from "../support/publisher.ts";
import { openScene } from "../support/scene.ts";
import { openSubscriber } from "../support/subscriber.ts";

const SECRET = "sesame-nobody-may-see";

function bodies(deliveries: readonly { readonly body: Buffer }[]): readonly string[] {
  return deliveries.map(({ body }) => body.toString());
}

test.each([
  {
    where: "its Link header",
    forge: (self: string) => ({ headers: { Link: `<${self}>; rel="self"` }, body: "forged" }),
  },
  {
    where: "its HTML",
    forge: (self: string) => ({
      headers: { "Content-Type": "text/html" },
      body: `<html><head><link rel="self" href="${self}"></head>forged</html>`,
    }),
  },
])("§8 a topic that claims another self in $where does not reach that topic's subscribers", async ({ forge }) => {
  await using scene = await openScene();
  await using victim = await openSubscriber();
  const genuine = scene.publisher.topic("/genuine");
  scene.publisher.serve("/genuine", { body: "genuine" });
  await scene.hub.subscribe(genuine, victim.callback());
  await scene.hub.publish(genuine);

  await scene.update(forge(genuine));
  expect(scene.bodies()).toEqual([expect.stringContaining("forged")]);
  expect(bodies(victim.deliveries)).toEqual(["genuine"]);

  scene.publisher.serve("/genuine", { body: "genuine again" });
  await scene.hub.publish(genuine);
  expect(bodies(victim.deliveries)).toEqual(["genuine", "genuine again"]);
  expect(scene.bodies()).toHaveLength(1);
});

test("§8 a topic that redirects to another one does not reach that one's subscribers", async () => {
  await using scene = await openScene();
  await using victim = await openSubscriber();
  scene.publisher.serve("/genuine", { body: "genuine" });
  await scene.hub.subscribe(scene.publisher.topic("/genuine"), victim.callback());
  await scene.update({ status: 302, headers: { Location: "/genuine" } });
  expect(scene.bodies()).toEqual(["genuine"]);
  expect(victim.deliveries).toEqual([]);
});

test("§8 a secret is shown to nobody: not in answers, verifications, fetches or deliveries", async () => {
  await using scene = await openScene({ receive: inTurn(500, 204) });
  const response = await scene.hub.post({
    "hub.mode": "subscribe",
    "hub.topic": scene.topic,
    "hub.callback": scene.callback,
    "hub.secret": SECRET,
  });
  await scene.hub.drain();
  await scene.update("news");
  await scene.hub.pass(5000);
  const seen = [...scene.subscriber.verifications, ...scene.subscriber.deliveries, ...scene.publisher.fetches];
  expect(scene.subscriber.deliveries[0]?.headers["x-hub-signature"]).toMatch(/^sha256=/); // it was taken
  expect(seen.filter((one) => [one.target, ...one.rawHeaders, one.body.toString()].join().includes(SECRET))).toEqual(
    [],
  );
  expect(`${await response.text()}${[...response.headers].join()}`).not.toContain(SECRET);
});

test("§8 the error about a secret that is too long does not repeat it", async () => {
  await using scene = await openScene();
  const secret = SECRET.repeat(20);
  const response = await scene.hub.post({
    "hub.mode": "subscribe",
    "hub.topic": scene.topic,
    "hub.callback": scene.callback,
    "hub.secret": secret,
  });
  expect(response.status).toBe(400);
  expect(await response.text()).not.toContain(SECRET);
});

test.each([
  "http://127.0.0.2/feed",
  "http://10.0.0.1/",
  "http://169.254.169.254/latest/",
  "http://[fd00::1]/",
  "http://0.0.0.0/",
])("§8 a subscription to %s is refused when that is not allowed", async (topic) => {
  await using hub = await openTestHub({ settings: { ALLOW_CIDRS: "127.0.0.1/32" } });
  await using subscriber = await openSubscriber();
  const response = await hub.post({
    "hub.mode": "subscribe",
    "hub.topic": topic,
    "hub.callback": subscriber.callback(),
  });
  await hub.drain();
  expect(response.status).toBe(403);
  expect(await response.text()).toContain("CARILLON_ALLOW_CIDRS");
  expect(subscriber.verifications).toEqual([]);
});

test("§8 a topic at an address that is not allowed is refused when it is fetched, whoever let it in", async () => {
  await using hub = await openTestHub({ settings: { ALLOW_CIDRS: "127.0.0.1/32" } });
  await using subscriber = await openSubscriber();
  const topic = "http://127.0.0.2:8080/feed";
  // As if it had been subscribed to while the setting was wider.
  const intent = { mode: "subscribe", topic, topicAsAsked: topic, callback: subscriber.callback() } as const;
  const terms = {
    secret: undefined,
    leaseSeconds: 300,
    verifyToken: undefined,
    signatureMethod: undefined,
    client: "127.0.0.1",
  };
  await hub.store.intents.addIntent({ ...intent, ...terms }, hub.clock.now());
  await hub.drain();
  await hub.publish(topic);
  const known = await hub.store.topics.find(topic);
  expect(known).toMatchObject({ subscribers: 1, fetchFailures: 1 });
  expect(known?.fetchError).toMatch(/^forbidden: .*127\.0\.0\.2.*CARILLON_ALLOW_CIDRS/);
  expect(subscriber.deliveries).toEqual([]);
});

test("§8 a callback at an address that is not allowed is refused when it is delivered to, whoever let it in", async () => {
  await using hub = await openTestHub({ settings: { ALLOW_CIDRS: "127.0.0.1/32" } });
  await using publisher = await openPublisher();
  const topic = publisher.topic("/feed");
  const callback = "http://127.0.0.2:8080/callback";
  const intent = { mode: "subscribe", topic, topicAsAsked: topic, callback } as const;
  const terms = {
    secret: undefined,
    leaseSeconds: 86_400,
    verifyToken: undefined,
    signatureMethod: undefined,
    client: "127.0.0.1",
  };
  await hub.store.intents.addIntent({ ...intent, ...terms }, hub.clock.now());
  const [claim] = await hub.store.intents.claimIntents(1, 1, hub.clock.now());
  if (claim === undefined) throw new Error("the intent is not there");
  await hub.store.intents.settleIntent(claim, { next: "apply", verifiedAt: hub.clock.now() }, hub.clock.now());
  publisher.serve("/feed", { body: "news" });
  await hub.publish(topic);
  const known = await hub.store.topics.find(topic);
  const attempts = await hub.store.attempts.newest(known?.id ?? 0, 10);
  expect(attempts).toMatchObject([{ outcome: "failed", attempt: 1, status: undefined }]);
  expect(attempts[0]?.reason).toMatch(/^forbidden: .*127\.0\.0\.2.*CARILLON_ALLOW_CIDRS/);
});

test("§8 a ping cannot make the hub fetch what nobody subscribed to", async () => {
  await using scene = await openScene();
  await using other = await openPublisher();
  await scene.hub.publish(other.topic("/admin"), "http://127.0.0.1:1/", "http://169.254.169.254/");
  expect(other.fetches).toEqual([]);
  expect(scene.publisher.fetches).toEqual([]);
});

test("§8 a ping that is refused repeats the URL as plain text only", async () => {
  await using scene = await openScene();
  const response = await scene.hub.post({ "hub.mode": "publish", "hub.url": "<script>alert(1)</script>" });
  expect(response.status).toBe(400);
  expect(response.headers.get("Content-Type")).toMatch(/^text\/plain/);
  expect(response.headers.get("X-Content-Type-Options")).toBe("nosniff");
});
