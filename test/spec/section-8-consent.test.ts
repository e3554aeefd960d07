import { expect, test } from "vitest";

import { postFrom } from "../support/post-from.ts";
import { Names, openNamedSubscriber } from "../support/named-subscriber.ts";
import { toSubscribe, toUnsubscribe } from "../support/requests.ts";
import { echo, openSubscriber, parameters } from "../support/subscriber.ts";
import { openTestHub, type TestHub } from "../support/test-hub.ts";

const topic = "https://blog.example/feed";
/** A client beside the one that requests usually come from. */
const another = "127.0.0.2";

test("§8 one host is asked no more often than CARILLON_VERIFICATIONS_PER_MINUTE, whatever its ports and paths", async () => {
  await using hub = await openTestHub({ settings: { VERIFICATIONS_PER_MINUTE: "6" } });
  await using one = await openSubscriber();
  await using other = await openSubscriber();
  const asked = () => one.verifications.length + other.verifications.length;
  for (let n = 0; n < 6; n += 1) {
    await postFrom(`127.0.1.${n}`, hub.url, toSubscribe(topic, one.callback(`/${n}`)));
    await postFrom(`127.0.2.${n}`, hub.url, toSubscribe(topic, other.callback(`/${n}`)));
  }
  await hub.drain();
  const atOnce = asked();
  // A few more than there is room for may start together; the next one waits the longer.
  expect(atOnce).toBeGreaterThanOrEqual(6);
  expect(atOnce).toBeLessThan(6 + 4);
  const perMinute: number[] = [];
  for (let minute = 0; minute < 2; minute += 1) {
    const before = asked();
    for (let step = 0; step < 6; step += 1) await hub.pass(10_000);
    perMinute.push(asked() - before);
  }
  expect(atOnce + (perMinute[0] ?? 0)).toBe(12);
  expect(perMinute[0]).toBeLessThanOrEqual(6);
  expect((await hub.store.topics.find(topic))?.subscribers).toBe(12);
});

test("§8 tries that fail and notices of a denial count too", async () => {
  await using hub = await openTestHub({ settings: { VERIFICATIONS_PER_MINUTE: "2", TOPIC_POLICY: "advertised" } });
  await using peer = await openSubscriber({ verify: (one) => (one.target.startsWith("/cb") ? echo(one) : {}) });
  // The topic names no hub, so each is told that it is denied.
  for (let n = 0; n < 4; n += 1) {
    await postFrom(`127.0.1.${n}`, hub.url, toSubscribe(`${peer.origin}/feed`, peer.callback(`/cb${n}`)));
  }
  await hub.drain();
  const notices = () => peer.verifications.filter((one) => parameters(one).get("hub.mode") === "denied").length;
  const atOnce = notices();
  expect(atOnce).toBeLessThan(4);
  for (let step = 0; step < 24; step += 1) await hub.pass(10_000);
  expect(notices()).toBe(4);
});

test("§8 who floods a host keeps nobody else's request for it from being verified", async () => {
  await using hub = await openTestHub({ settings: { VERIFICATIONS_PER_MINUTE: "10" } });
  await using subscriber = await openSubscriber();
  await flood(hub, subscriber.callback("/flood"), 60);
  // Its minute's worth is used up; what is beyond waits its turn.
  await hub.drain();
  for (let step = 0; step < 4; step += 1) await hub.pass(5000);
  const callback = subscriber.callback("/genuine");
  expect(await postFrom(another, hub.url, toSubscribe(topic, callback))).toBe(202);
  for (let step = 0; step < 6; step += 1) await hub.pass(5000);
  expect(await hub.store.subscriptions.find(topic, callback)).toBeDefined();
  expect(subscriber.verifications.length).toBeLessThan(30);
});

test("§8 requests of one client that wait are at most CARILLON_PENDING_PER_CLIENT: 429 and when to come again", async () => {
  await using hub = await openTestHub({ settings: { PENDING_PER_CLIENT: "2" }, resolve: new Names().resolve });
  await using subscriber = await openNamedSubscriber("a.example");
  await using other = await openNamedSubscriber("b.example");
  await hub.post(toSubscribe(topic, subscriber.callback("/1")));
  await hub.post(toSubscribe(topic, other.callback("/2")));

  const refused = await hub.post(toSubscribe(topic, subscriber.callback("/3")));
  expect(refused.status).toBe(429);
  expect(refused.headers.get("retry-after")).toBe("60");
  expect(await refused.text()).toBe(
    "requests of 127.0.0.1 that wait to be verified: there are 2, and no more may wait\n",
  );
  expect((await hub.post(toSubscribe(topic, subscriber.callback("/1")))).status).toBe(202); // the same again

  await hub.drain();
  expect(subscriber.verifications).toHaveLength(1);
  expect((await hub.post(toSubscribe(topic, subscriber.callback("/3")))).status).toBe(202);
});

test("§8 requests for one callback host that wait are at most CARILLON_PENDING_PER_HOST", async () => {
  await using hub = await openTestHub({ settings: { PENDING_PER_HOST: "1" } });
  await hub.post(toSubscribe(topic, "http://127.0.0.1:8080/1"));
  const refused = await hub.post(toSubscribe(topic, "http://127.0.0.1:8081/2"));
  expect(refused.status).toBe(429);
  expect(refused.headers.get("retry-after")).toBe("60");
  expect(await refused.text()).toBe(
    "requests with a hub.callback at 127.0.0.1 that wait to be verified: there are 1, and no more may wait\n",
  );
  expect((await hub.post(toSubscribe(topic, "http://127.0.0.2:8080/1"))).status).toBe(202);
});

test("§8 one client has at most 8 requests for one topic and callback wait; another's is still taken", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  const forge = (n: number) => hub.post(toSubscribe(topic, subscriber.callback(), { "hub.secret": `forged ${n}` }));
  for (let n = 0; n < 8; n += 1) expect((await forge(n)).status).toBe(202);
  const refused = await forge(8);
  expect(refused.status).toBe(429);
  expect(await refused.text()).toMatch(/^requests of 127\.0\.0\.1 with this hub\.topic and hub\.callback .* are 8,/);
  expect(await postFrom(another, hub.url, toSubscribe(topic, subscriber.callback()))).toBe(202);
});

test("§8 one callback host has at most CARILLON_SUBSCRIPTIONS_PER_HOST; who is subscribed may renew and leave", async () => {
  await using hub = await openTestHub({ settings: { SUBSCRIPTIONS_PER_HOST: "1" } });
  await using subscriber = await openSubscriber();
  await hub.subscribe(topic, subscriber.callback("/1"));

  const refused = await hub.post(toSubscribe(topic, subscriber.callback("/2")));
  expect(refused.status).toBe(429);
  expect(refused.headers.get("retry-after")).toBe("3600");
  expect(await refused.text()).toBe(
    "subscriptions with a hub.callback at 127.0.0.1: there are 1, and no more are taken\n",
  );
  expect((await hub.post(toSubscribe(topic, subscriber.callback("/1"), { "hub.secret": "new" }))).status).toBe(202);
  expect((await hub.post(toUnsubscribe(topic, subscriber.callback("/1")))).status).toBe(202);
  await hub.drain();
  expect((await hub.post(toSubscribe(topic, subscriber.callback("/2")))).status).toBe(202);
});

test("§8 of requests that were taken together no more become subscriptions than may be; the others are told", async () => {
  await using hub = await openTestHub({ settings: { SUBSCRIPTIONS_PER_HOST: "2" } });
  await using subscriber = await openSubscriber();
  for (let n = 0; n < 4; n += 1) await hub.post(toSubscribe(topic, subscriber.callback(`/${n}`)));
  await hub.drain();
  expect((await hub.store.topics.find(topic))?.subscribers).toBe(2);
  const told = subscriber.verifications.map(parameters).filter((query) => query.get("hub.mode") === "denied");
  expect(told.map((query) => query.get("hub.reason"))).toEqual([
    "this hub takes no more subscriptions for this host",
    "this hub takes no more subscriptions for this host",
  ]);
});

test("§8 requests that wait are bounded in all, whoever sent them: 503 and when to come again", async () => {
  await using hub = await openTestHub({ mostPending: 2 });
  await using subscriber = await openSubscriber();
  await hub.post(toSubscribe(topic, subscriber.callback("/1")));
  await hub.post(toSubscribe(topic, subscriber.callback("/2")));
  const refused = await hub.post(toSubscribe(topic, subscriber.callback("/3")));
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toBe("10");
  expect(await refused.text()).toBe("2 requests wait to be verified, and no more may; try again later\n");
  await hub.drain();
  expect((await hub.post(toSubscribe(topic, subscriber.callback("/3")))).status).toBe(202);
});

async function flood(hub: TestHub, callback: string, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await hub.post(toSubscribe(topic, `${callback}/${n}`));
}
