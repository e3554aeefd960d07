import { expect, test } from "vitest";

import type { Answer, Received } from "../support/peer.ts";
import { openPublisher, type Publisher } from "../support/publisher.ts";
import { signatureOf, toSubscribe, toUnsubscribe } from "../support/requests.ts";
import { openSubscriber, parameters, type Subscriber } from "../support/subscriber.ts";
import { openTestHub, type TestHub } from "../support/test-hub.ts";

const hubUrl = "https://hub.example/";
const naming: Answer = { headers: { link: `<${hubUrl}>; rel="hub"` }, body: "content" };
const notNaming: Answer = { headers: { link: '<https://other.example/>; rel="hub"' }, body: "content" };

type Parts = {
  readonly hub: TestHub;
  readonly publisher: Publisher;
  readonly subscriber: Subscriber;
  readonly topic: string;
};

/** A hub that takes only topics that name it, and a publisher that serves `answer` at /feed. */
async function openParts(answer?: Answer): Promise<Parts & AsyncDisposable> {
  const stack = new AsyncDisposableStack();
  const hub = stack.use(await openTestHub({ settings: { TOPIC_POLICY: "advertised", PUBLIC_URL: hubUrl } }));
  const publisher = stack.use(await openPublisher());
  const subscriber = stack.use(await openSubscriber());
  if (answer) publisher.serve("/feed", answer);
  return {
    hub,
    publisher,
    subscriber,
    topic: publisher.topic("/feed"),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function modes({ subscriber }: Parts): (string | null)[] {
  return subscriber.verifications.map((request) => parameters(request).get("hub.mode"));
}

function tell(request: Received | undefined): Record<string, string> {
  return request === undefined ? {} : Object.fromEntries(parameters(request));
}

test("§5.2 an open hub does not ask the publisher: the topic is not fetched", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  await hub.subscribe(publisher.topic("/feed"), subscriber.callback());
  expect(publisher.fetches).toEqual([]);
  expect(subscriber.verifications).toHaveLength(1);
});

test.each<[string, Answer]>([
  ["a Link header", naming],
  ["a Link header among others", { headers: { link: `<https://other.example/>; rel="hub", <${hubUrl}>; rel="hub"` } }],
  ["HTML", { headers: { "content-type": "text/html" }, body: `<html><head><link rel="hub" href="${hubUrl}"></head>` }],
  [
    "Atom",
    {
      headers: { "content-type": "application/atom+xml" },
      body: `<feed xmlns="http://www.w3.org/2005/Atom"><link rel="hub" href="${hubUrl}"/></feed>`,
    },
  ],
  [
    "JSON Feed",
    {
      headers: { "content-type": "application/feed+json" },
      body: JSON.stringify({ version: "https://jsonfeed.org/version/1.1", hubs: [{ type: "WebSub", url: hubUrl }] }),
    },
  ],
  ["another path of the hub", { headers: { link: `<${hubUrl}hub>; rel="hub"` } }],
])(
  "§5.2 with CARILLON_TOPIC_POLICY=advertised a topic that names the hub is accepted and verified: %s",
  async (_, answer) => {
    await using parts = await openParts(answer);
    await parts.hub.subscribe(parts.topic, parts.subscriber.callback());
    expect(modes(parts)).toEqual(["subscribe"]);
  },
);

test.each<[string, Answer]>([
  ["another hub", notNaming],
  ["none", { body: "content" }],
  ["the hub as something else", { headers: { link: `<${hubUrl}>; rel="self"` } }],
])(
  "§5.2 a topic that names %s is denied: 202, then hub.mode=denied with the reason, and no subscription",
  async (_, answer) => {
    await using parts = await openParts(answer);
    const { hub, publisher, subscriber, topic } = parts;
    const response = await hub.post(toSubscribe(topic, subscriber.callback("/cb?k='1'")));
    await hub.drain();
    publisher.serve("/feed", naming);
    await hub.publish(topic);

    expect(response.status).toBe(202);
    expect(subscriber.verifications.map(({ target }) => target.startsWith("/cb?k='1'&hub.mode=denied&"))).toEqual([
      true,
    ]);
    expect(tell(subscriber.verifications[0])).toEqual({
      k: "'1'",
      "hub.mode": "denied",
      "hub.topic": topic,
      "hub.reason": `${topic} does not advertise this hub: it needs a link with rel="hub" to ${hubUrl}`,
    });
    expect(subscriber.deliveries).toEqual([]);
  },
);

test.each([
  { what: "whose name leads to a forbidden address", topic: "http://rebind.example:8080/feed", redirects: false },
  { what: "that redirects to a forbidden address", topic: "http://peer.example/feed", redirects: true },
])("§5.2 a topic $what is denied at once: nobody asks it again", async ({ topic, redirects }) => {
  const asked: string[] = [];
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  await using hub = await openTestHub({
    settings: { TOPIC_POLICY: "advertised", PUBLIC_URL: hubUrl, ALLOW_CIDRS: "127.0.0.1/32" },
    resolve: async (name) => {
      asked.push(name);
      return [name === "rebind.example" ? "10.0.0.1" : "127.0.0.1"];
    },
  });
  publisher.serve("/feed", { status: 302, headers: { location: "http://10.0.0.1/" } });
  const url = redirects ? publisher.topic("/feed").replace("127.0.0.1", "peer.example") : topic;
  await hub.subscribe(url, subscriber.callback());
  await hub.pass(10_000);
  await hub.pass(60_000);

  expect(asked).toHaveLength(1);
  expect(subscriber.verifications).toHaveLength(1);
  const told = tell(subscriber.verifications[0]);
  expect(told["hub.mode"]).toBe("denied");
  expect(told["hub.reason"]).toMatch(/^the topic cannot be checked: forbidden: the .* is not public/);
});

test("§5.2 a denial tells the topic as it was asked for", async () => {
  await using parts = await openParts();
  parts.publisher.serve("/~u", notNaming);
  await parts.hub.subscribe(parts.publisher.topic("/%7Eu"), parts.subscriber.callback());
  expect(tell(parts.subscriber.verifications[0])["hub.topic"]).toBe(parts.publisher.topic("/%7Eu"));
});

test.each<[string, Answer | undefined]>([
  ["is not found", undefined],
  ["answers 500", { status: 500 }],
])(
  "§5.2 a topic that %s is asked for again after 10 s and 60 s, then denied: a 202 is never followed by silence",
  async (_, answer) => {
    await using parts = await openParts(answer);
    const { hub, publisher, subscriber, topic } = parts;
    await hub.subscribe(topic, subscriber.callback());
    await hub.pass(9_999);
    expect(publisher.fetches).toHaveLength(1);
    await hub.pass(1);
    expect(publisher.fetches).toHaveLength(2);
    await hub.pass(59_999);
    expect([publisher.fetches.length, modes(parts)]).toEqual([2, []]);
    await hub.pass(1);
    await hub.pass(600_000);

    expect(publisher.fetches).toHaveLength(3);
    expect(modes(parts)).toEqual(["denied"]);
    const status = answer?.status ?? 404;
    expect(tell(subscriber.verifications[0])["hub.reason"]).toBe(`the topic could not be checked: answered ${status}`);
  },
);

test("§5.2 a topic that cannot be reached is denied in the end", async () => {
  await using parts = await openParts();
  await parts.hub.subscribe("http://127.0.0.1:2/feed", parts.subscriber.callback());
  await parts.hub.pass(10_000);
  expect(modes(parts)).toEqual([]);
  await parts.hub.pass(60_000);
  expect(modes(parts)).toEqual(["denied"]);
  expect(tell(parts.subscriber.verifications[0])["hub.reason"]).toMatch(/^the topic could not be checked: /);
});

test("§5.2 a topic that comes back while it is being asked for is accepted", async () => {
  await using parts = await openParts({ status: 503 });
  await parts.hub.subscribe(parts.topic, parts.subscriber.callback());
  parts.publisher.serve("/feed", naming);
  await parts.hub.pass(10_000);
  await parts.hub.publish(parts.topic);
  expect(modes(parts)).toEqual(["subscribe"]);
  expect(parts.subscriber.deliveries).toHaveLength(1);
});

test.each([200, 301, 404, 500])("§5.2 a callback that answers %d to a denial is not told again", async (status) => {
  await using parts = await openParts(notNaming);
  await using subscriber = await openSubscriber({
    verify: () => ({ status, headers: { location: parts.subscriber.callback() } }),
  });
  await parts.hub.subscribe(parts.topic, subscriber.callback());
  await parts.hub.pass(10_000);
  await parts.hub.pass(60_000);
  expect(subscriber.verifications).toHaveLength(1);
  expect(parts.subscriber.verifications).toEqual([]);
});

test("§5.2 a callback that does not answer a denial is told again after 10 s and 60 s, and then no more", async () => {
  await using parts = await openParts(notNaming);
  await using subscriber = await openSubscriber({ verify: () => "hang" });
  await parts.hub.post(toSubscribe(parts.topic, subscriber.callback()));
  for (const [told, waitMs] of [
    [1, 10_000],
    [2, 60_000],
    [3, 600_000],
  ] as const) {
    const draining = parts.hub.drain();
    await subscriber.seen(told);
    parts.hub.clock.advance(10_000); // the wall clock of one request
    await draining;
    await parts.hub.pass(waitMs - 1);
    expect(subscriber.verifications).toHaveLength(told);
    parts.hub.clock.advance(1);
  }
  await parts.hub.drain();
  expect(subscriber.verifications.map((request) => tell(request)["hub.mode"])).toEqual(["denied", "denied", "denied"]);
});

test.each<[string, Answer]>([
  ["no longer names the hub", notNaming],
  ["cannot be checked", { status: 503 }],
])("§5.2 a renewal is denied when the topic %s: that is told, and the lease in force runs on", async (_, answer) => {
  await using parts = await openParts(naming);
  const { hub, publisher, subscriber, topic } = parts;
  await hub.subscribe(topic, subscriber.callback(), { "hub.secret": "old", "hub.lease_seconds": "300" });
  publisher.serve("/feed", answer);
  // Perhaps forged: anybody may ask for a renewal, and it must not end what the callback has confirmed.
  await hub.subscribe(topic, subscriber.callback(), { "hub.secret": "new", "hub.lease_seconds": "3000" });
  await hub.pass(10_000);
  await hub.pass(60_000);
  publisher.serve("/feed", { ...naming, body: "in time" });
  hub.clock.advance(229_999);
  await hub.publish(topic);
  publisher.serve("/feed", { ...naming, body: "too late" });
  hub.clock.advance(1);
  await hub.publish(topic);

  expect(modes(parts)).toEqual(["subscribe", "denied"]);
  const signatures = subscriber.deliveries.map(({ headers }) => headers["x-hub-signature"]);
  expect(signatures).toEqual([signatureOf("in time", "old")]);
});

test("§5.2 who was denied may ask again", async () => {
  await using parts = await openParts(notNaming);
  await parts.hub.subscribe(parts.topic, parts.subscriber.callback());
  parts.publisher.serve("/feed", naming);
  await parts.hub.subscribe(parts.topic, parts.subscriber.callback());
  expect(modes(parts)).toEqual(["denied", "subscribe"]);
});

test("§5 unsubscribing is not validated with the publisher, whose topic may be gone", async () => {
  await using parts = await openParts(naming);
  const { hub, publisher, subscriber, topic } = parts;
  await hub.subscribe(topic, subscriber.callback());
  const before = publisher.fetches.length;
  publisher.serve("/feed", { status: 404 });
  expect((await hub.post(toUnsubscribe(topic, subscriber.callback()))).status).toBe(202);
  await hub.drain();
  publisher.serve("/feed", { ...naming, body: "later" });
  await hub.publish(topic);

  expect(modes(parts)).toEqual(["subscribe", "unsubscribe"]);
  expect(publisher.fetches.length - before).toBe(0); // nobody is left to fetch it for
  expect(subscriber.deliveries).toEqual([]);
});
