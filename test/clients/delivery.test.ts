import { createHmac } from "node:crypto";
import { expect, test } from "vitest";

import { openScene } from "../support/scene.ts";
import { parameters } from "../support/subscriber.ts";
import * as clients from "./client-behaviours.ts";
import { openClientScene } from "./client-scene.ts";

// Rules are those of the compatibility list in spec-notes/compatibility.md.

const dayMs = 86_400_000;
const secret = "5f1d8a6d0c7b4e7f9a51";
const sha1Clients = [
  { who: "django-push", client: () => clients.djangoPush(secret) },
  { who: "Feedbin", client: ({ topic }: { topic: string }) => clients.sha1Only(topic, secret) },
  { who: "Mastodon", client: ({ topic }: { topic: string }) => clients.sha1Only(topic, secret) },
  { who: "GNU social", client: ({ topic }: { topic: string }) => clients.sha1Only(topic, secret) },
];

// Rule 3, as settled in DESIGN 2.3.
test("§7.1 a signature is sha256 in lower case unless somebody asks otherwise", async () => {
  await using scene = await openScene({ asking: { "hub.secret": secret } });
  await scene.update("one");
  const digest = createHmac("sha256", secret).update("one").digest("hex");
  expect(scene.subscriber.deliveries.map(({ headers }) => headers["x-hub-signature"])).toEqual([`sha256=${digest}`]);
});

// Rule 3.
test.each(sha1Clients)(
  "§7.1 $who, which knows sha1 only, can ask for it by hub.signature_method",
  async ({ client }) => {
    await using scene = await openClientScene({
      client,
      asking: { "hub.secret": secret, "hub.signature_method": "sha1" },
    });
    await scene.update("one");
    expect(scene.client.taken).toEqual(["one"]);
  },
);

// Rule 3.
test.each(sha1Clients)("§7.1 the operator can have $who's host signed with sha1", async ({ client }) => {
  await using scene = await openClientScene({
    client,
    asking: { "hub.secret": secret },
    settings: { SIGNATURE_METHOD_BY_HOST: "reader.example=sha512,127.0.0.1=sha1" },
  });
  await scene.update("one");
  expect(scene.client.taken).toEqual(["one"]);
});

// Rule 3: the loss a hub cannot see, and the reason for the setting.
test.each(sha1Clients)("§7.1 $who answers a sha256 signature with 200 and drops the content", async ({ client }) => {
  await using scene = await openClientScene({ client, asking: { "hub.secret": secret } });
  await scene.update("one");
  await scene.hub.pass(dayMs);
  expect(scene.subscriber.deliveries).toHaveLength(1);
  expect(scene.client.taken).toEqual([]);
});

// Rule 4.
test.each(["", "one", "a".repeat(200_000)])("§7 Flask-WebSub needs Content-Length, never chunks (%#)", async (body) => {
  await using scene = await openClientScene({
    client: ({ topic }) => clients.flaskWebSub({ mode: "subscribe", topic, secret }),
    asking: { "hub.secret": secret },
  });
  await scene.update(body);
  expect(scene.subscriber.deliveries.map(({ headers }) => headers["content-length"])).toEqual([String(body.length)]);
  expect(scene.client.taken).toEqual([body]);
});

// Rule 5.
test.each([
  "/callback", // npm pubsubhubbub with a callback of its own: the topic comes from Link alone
  "/?topic=https%3A%2F%2Felse.example%2F&hub=https%3A%2F%2Fhub.example%2F",
])(
  "§7 npm pubsubhubbub reads the first link of one Link header: it is self, in quotes (callback %s)",
  async (callback) => {
    await using scene = await openClientScene({ client: clients.npmPubsubhubbub, callback });
    await scene.update("one");
    const [delivery] = scene.subscriber.deliveries;
    expect(delivery?.rawHeaders.filter((name) => /^link$/i.test(name))).toHaveLength(1);
    expect(delivery?.headers["link"]).toBe(`<${scene.topic}>; rel="self", <${scene.hub.url}>; rel="hub"`);
    expect(scene.client.taken).toEqual([`${scene.topic} one`]);
  },
);

// Rule 5.
test("§7 Swift WebSubKit compares both links with those it subscribed by", async () => {
  await using scene = await openClientScene({
    client: ({ topic, hubUrl }) => clients.swiftWebSubKit(topic, hubUrl),
  });
  await scene.update("one");
  expect(scene.client.taken).toEqual(["one"]);
});

// Rule 5.
test("§7 a feed that names its links hub first is still delivered with self first", async () => {
  await using scene = await openScene();
  const link = "<https://theirs.example/>; rel=hub, <https://blog.example/feed>; rel=self";
  await scene.update({ headers: { Link: link }, body: "one" });
  expect(scene.subscriber.deliveries.map(({ headers }) => headers["link"])).toEqual([
    '<https://blog.example/feed>; rel="self", <https://theirs.example/>; rel="hub"',
  ]);
});

// Rule 12.
test.each([200, 201, 202, 204, 299])("§7 a callback's %i is a delivery, not tried again", async (status) => {
  await using scene = await openScene({ receive: () => ({ status }) });
  await scene.update("one");
  await scene.hub.pass(dayMs);
  expect(scene.bodies()).toEqual(["one"]);
});

// Rule 12.
test.each([301, 302, 303, 307, 308, 400, 403, 404, 409, 422, 429, 500, 502, 503])(
  "§7 a callback's %i is a failure: no redirect is followed, the delivery is tried again",
  async (status) => {
    await using scene = await openScene({
      receive: () => ({
        status: scene.subscriber.deliveries.length > 1 ? 204 : status,
        headers: { Location: "/moved" },
      }),
    });
    await scene.update("one");
    expect(scene.subscriber.deliveries.map(({ target }) => target)).toEqual(["/callback"]);
    await scene.hub.pass(5000);
    await scene.hub.pass(dayMs);
    expect(scene.subscriber.deliveries.map(({ target }) => target)).toEqual(["/callback", "/callback"]);
  },
);

// Rule 12.
test("§7 FreshRSS answers 410 once nobody reads the feed: that ends the subscription", async () => {
  const reading = { readers: 2 };
  await using scene = await openClientScene({
    client: () => clients.freshRss("da39", reading),
    callback: "/api/pshb.php?k=da39",
  });
  await scene.update("one");
  reading.readers = 0;
  await scene.update("two");
  await scene.update("three");
  await scene.hub.pass(dayMs);
  expect(scene.client.taken).toEqual(["one"]);
  expect(scene.subscriber.deliveries).toHaveLength(2);
});

// Rule 12.
test("§5.1.2 FreshRSS then unsubscribes too: it gets its 202, though the 410 has left nothing to verify", async () => {
  const reading = { readers: 0 };
  await using scene = await openClientScene({
    client: () => clients.freshRss("da39", reading),
    callback: "/api/pshb.php?k=da39",
  });
  await scene.update("one");
  const pair = { "hub.topic": scene.topic, "hub.callback": scene.callback };
  const response = await scene.hub.post({ ...pair, "hub.mode": "unsubscribe" });
  await scene.hub.drain();
  await scene.update("two");
  expect(response.status).toBe(202);
  expect(scene.subscriber.verifications.map((one) => parameters(one).get("hub.mode"))).toEqual(["subscribe"]);
  expect(scene.subscriber.deliveries).toHaveLength(1);
});

// Rule 12.
test("§5.3.1 FreshRSS answers 422 to an unsubscription it did not ask for: it goes on being served", async () => {
  await using scene = await openClientScene({
    client: () => clients.freshRss("da39", { readers: 1 }),
    callback: "/api/pshb.php?k=da39",
  });
  await scene.hub.post({ "hub.mode": "unsubscribe", "hub.topic": scene.topic, "hub.callback": scene.callback });
  await scene.hub.drain();
  await scene.update("one");
  expect(scene.client.taken).toEqual(["one"]);
});

// Rule 12.
test("§7 websubsub answers 410 to what it does not know any more: that ends the subscription", async () => {
  const topics = new Set<string>();
  await using scene = await openClientScene({
    client: ({ topic }) => clients.webSubSub(topics.add(topic)),
  });
  topics.clear();
  await scene.update("one");
  await scene.update("two");
  await scene.hub.pass(dayMs);
  expect(scene.subscriber.deliveries).toHaveLength(1);
});

// Rule 12.
test("§7 youtube-notification answers 500 to what is not YouTube's: it stays subscribed and gets the next version", async () => {
  await using scene = await openClientScene({ client: clients.youtubeNotification, callback: "/youtube" });
  await scene.update("<feed/>");
  await scene.hub.pass(5000);
  await scene.hub.pass(60_000);
  expect(scene.subscriber.deliveries).toHaveLength(3);
  await scene.update("<feed><entry><yt:videoId>5NPBIwQyPWE</yt:videoId></entry></feed>");
  await scene.hub.pass(300_000);
  await scene.hub.pass(dayMs);
  expect(scene.client.taken).toEqual(["5NPBIwQyPWE"]);
  expect(scene.subscriber.deliveries).toHaveLength(4);
});

// Rule 23.
test.each([
  { who: "Flask-WebSub", over: 1024 * 1024 + 1, status: 400 },
  { who: "npm pubsubhubbub", over: 3 * 1024 * 1024 + 1, status: 413 },
])(
  "§7 a feed larger than $who takes ($status) stands in the delivery log, and the next smaller one arrives",
  async ({ who, over, status }) => {
    await using scene = await openClientScene<clients.Client>({
      client: ({ topic }) =>
        who === "Flask-WebSub" ? clients.flaskWebSub({ mode: "subscribe", topic }) : clients.npmPubsubhubbub(),
    });
    await scene.update("a".repeat(over));
    const topic = await scene.hub.store.topics.find(scene.topic);
    const log = await scene.hub.store.attempts.newest(topic?.id ?? 0, 10);
    expect(log.map((record) => [record.outcome, record.status])).toEqual([["failed", status]]);
    await scene.update("small");
    await scene.hub.pass(5000);
    expect(scene.client.taken).toEqual([expect.stringContaining("small")]);
  },
);
