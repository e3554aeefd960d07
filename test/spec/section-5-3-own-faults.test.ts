import { expect, test } from "vitest";

import { systemClock } from "../../src/clock.ts";
import { createDns } from "../../src/outbound/dns.ts";
import type { Resolve } from "../../src/outbound/guarded-lookup.ts";
import { type DnsServer, openDnsServer } from "../support/dns-server.ts";
import { byName, NameServer } from "../support/name-server.ts";
import type { Answer } from "../support/peer.ts";
import { openPublisher } from "../support/publisher.ts";
import { toSubscribe } from "../support/requests.ts";
import { echo, openSubscriber, parameters, type Subscriber } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";

// What the hub cannot do for faults of its own (no name server, no descriptors, no route) counts against nobody.

const topic = "http://127.0.0.1:2/feed";
const minute = 60_000;
const day = 86_400_000;
const hubUrl = "https://hub.example/";
const advertised = { TOPIC_POLICY: "advertised", PUBLIC_URL: hubUrl };
const naming: Answer = { headers: { link: `<${hubUrl}>; rel="hub"` }, body: "content" };

/** Asks as the hub does, and remembers nothing. */
function askOnly({ address }: DnsServer): Resolve {
  const dns = createDns(systemClock, [address]);
  return async (name) => (await dns(name)).addresses;
}

function told(subscriber: Subscriber): readonly (readonly [string | null, string | null])[] {
  return subscriber.verifications.map((request) => {
    const query = parameters(request);
    return [query.get("hub.mode"), query.get("hub.reason")];
  });
}

test("§5.3 a fault of the hub's own uses up no try: it asks again every 60 s until it can, then three times", async () => {
  const names = new NameServer();
  await using hub = await openTestHub({ resolve: names.resolve });
  let tries = 0;
  await using subscriber = await openSubscriber({
    verify: (request) => (++tries < 3 ? { status: 503, headers: { connection: "close" } } : echo(request)),
  });
  await hub.subscribe(topic, byName(subscriber.callback()));
  for (let asked = 1; asked <= 10; asked += 1) {
    await hub.pass(minute - 1);
    expect(names.asked).toBe(asked);
    await hub.pass(1);
  }
  names.isDown = false;
  await hub.pass(minute); // the first try
  names.isDown = true;
  await hub.pass(10_000); // no try
  names.isDown = false;
  await hub.pass(minute - 1);
  expect(tries).toBe(1);
  await hub.pass(1); // the second
  await hub.pass(minute); // the third
  expect(tries).toBe(3);
  expect(await hub.store.subscriptions.find(topic, byName(subscriber.callback()))).toBeDefined();
});

test("§5.3 a fault of the hub's own that lasts for a day counts in the end: three more tries, then nothing", async () => {
  const names = new NameServer();
  await using hub = await openTestHub({ resolve: names.resolve });
  await using subscriber = await openSubscriber();
  await hub.subscribe(topic, byName(subscriber.callback()));
  await hub.pass(day - 1);
  for (const ms of [minute, 10_000, minute]) await hub.pass(ms);
  expect(names.asked).toBe(5);
  names.isDown = false;
  await hub.pass(day);
  expect([names.asked, subscriber.verifications]).toEqual([5, []]);
});

test("§5.3 a zone that fails is no fault of the hub's own: three tries, and the callback is forgotten", async () => {
  await using dns = await openDnsServer({ "hostile.example": { fails: "SERVFAIL" } });
  await using hub = await openTestHub({ resolve: askOnly(dns) });
  await hub.subscribe(topic, "http://hostile.example/callback");
  for (let asked = 1; asked <= 10; asked += 1) await hub.pass(minute);
  expect(dns.questions.filter((question) => question === "A hostile.example")).toHaveLength(3);
});

test("§5.3 a name server that answers nothing is a fault of the hub's own: it asks until it can", async () => {
  await using dns = await openDnsServer({ "": { fails: "REFUSED" }, "peer.example": { fails: "REFUSED" } });
  await using hub = await openTestHub({ resolve: askOnly(dns) });
  await using subscriber = await openSubscriber();
  await hub.subscribe(topic, byName(subscriber.callback()));
  for (let asked = 1; asked <= 5; asked += 1) await hub.pass(minute);
  expect(dns.questions.filter((question) => question === "A peer.example")).toHaveLength(6);
  dns.zones.set("peer.example", { addresses: ["127.0.0.1"] });
  await hub.pass(minute);
  expect(told(subscriber)).toEqual([["subscribe", null]]);
});

test("§5.3 a hub that was away for a day, and is back before its network, still asks", async () => {
  const names = new NameServer();
  await using hub = await openTestHub({ resolve: names.resolve });
  await using subscriber = await openSubscriber();
  await hub.post(toSubscribe(topic, byName(subscriber.callback())));
  hub.clock.advance(2 * day);
  await hub.restart();
  await hub.drain();
  names.isDown = false;
  await hub.pass(10_000);
  expect(told(subscriber)).toEqual([["subscribe", null]]);
});

test("§5.2 a topic that the hub cannot ask for, by a fault of its own, is asked for again every 60 s until it can", async () => {
  const names = new NameServer();
  await using hub = await openTestHub({ resolve: names.resolve, settings: advertised });
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  publisher.serve("/feed", naming);
  await hub.subscribe(byName(publisher.topic("/feed")), subscriber.callback());
  for (let asked = 1; asked <= 10; asked += 1) {
    await hub.pass(minute - 1);
    expect([names.asked, told(subscriber)]).toEqual([asked, []]);
    await hub.pass(1);
  }
  names.isDown = false;
  await hub.pass(minute);
  expect(told(subscriber)).toEqual([["subscribe", null]]);
});

test("§5.2 a topic that the hub cannot ask for within a day, by a fault of its own, is denied", async () => {
  const names = new NameServer();
  await using hub = await openTestHub({ resolve: names.resolve, settings: advertised });
  await using subscriber = await openSubscriber();
  await hub.subscribe("http://blog.example/feed", subscriber.callback());
  await hub.pass(day - 1);
  for (const ms of [minute, 10_000]) await hub.pass(ms);
  expect(told(subscriber)).toEqual([]);
  await hub.pass(minute);
  await hub.pass(day);
  const reason = "the topic could not be checked: exhausted: the hub could not resolve blog.example (EAI_AGAIN)";
  expect(told(subscriber)).toEqual([["denied", reason]]);
});

test("§5.2 a denial that the hub cannot tell, by a fault of its own, is told when it can, once", async () => {
  const names = new NameServer();
  await using hub = await openTestHub({ resolve: names.resolve, settings: advertised });
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  publisher.serve("/feed", { body: "content" });
  await hub.subscribe(publisher.topic("/feed"), byName(subscriber.callback()));
  for (let asked = 1; asked <= 10; asked += 1) await hub.pass(minute);
  names.isDown = false;
  await hub.pass(minute);
  await hub.pass(day);
  const reason = `${publisher.topic("/feed")} does not advertise this hub: it needs a link with rel="hub" to ${hubUrl}`;
  expect(told(subscriber)).toEqual([["denied", reason]]);
});
