import { expect, test } from "vitest";

import { openPublisher, type Publisher } from "../support/publisher.ts";
import { openSubscriber, type Subscriber } from "../support/subscriber.ts";
import { openTestHub, type TestHub } from "../support/test-hub.ts";
import { openScene } from "../support/scene.ts";

/** POSTs to the hub URL whatever is given. */
function send(hub: TestHub, query: string, init: RequestInit = {}, path = ""): Promise<Response> {
  const url = new URL(path + query, hub.url);
  url.hostname = "127.0.0.1";
  return fetch(url, { method: "POST", ...init });
}

/** Serves one text per path and subscribes to each; the text is the path. */
async function subscribeAll(hub: TestHub, publisher: Publisher, subscriber: Subscriber, paths: readonly string[]) {
  for (const path of paths) {
    publisher.serve(path, { body: path });
    await hub.subscribe(publisher.topic(path), subscriber.callback());
  }
}

function bodies(subscriber: Subscriber): readonly string[] {
  return subscriber.deliveries.map(({ body }) => body.toString()).toSorted();
}

test.each(["hub.url", "hub.topic", "hub.url[]", "hub.topic[]"])("§6 a ping may name its topic by %s", async (field) => {
  await using scene = await openScene();
  scene.publisher.serve("/feed", { body: "news" });
  const response = await scene.hub.post({ "hub.mode": "publish", [field]: scene.topic });
  await scene.hub.drain();
  expect(response.status).toBe(204);
  expect(await response.text()).toBe("");
  expect(scene.bodies()).toEqual(["news"]);
});

test.each([
  { what: "nothing", init: {} },
  { what: "JSON", init: { body: '{"ref":"main"}', headers: { "Content-Type": "application/json" } } },
  { what: "bytes that are no text", init: { body: Buffer.from([0, 255, 254]) } },
  { what: "more than a form may be", init: { body: Buffer.alloc(200_000) } },
  { what: "a form about something else", init: { body: new URLSearchParams({ payload: "{}" }) } },
])("§6 a ping may stand in the query string when the body is $what", async ({ init }) => {
  await using scene = await openScene();
  scene.publisher.serve("/feed", { body: "news" });
  const query = new URLSearchParams({ "hub.mode": "publish", "hub.topic": scene.topic });
  const response = await send(scene.hub, `?${query.toString()}`, init);
  await scene.hub.drain();
  expect(response.status).toBe(204);
  expect(await response.text()).toBe("");
  expect(scene.bodies()).toEqual(["news"]);
});

test("§6 a form that says itself what it wants counts more than the query string", async () => {
  await using scene = await openScene();
  scene.publisher.serve("/feed", { body: "news" });
  const query = new URLSearchParams({ "hub.mode": "publish", "hub.url": scene.topic });
  const callback = scene.subscriber.callback("/second");
  const body = new URLSearchParams({ "hub.mode": "subscribe", "hub.topic": scene.topic, "hub.callback": callback });
  const response = await send(scene.hub, `?${query.toString()}`, { body });
  await scene.hub.drain();
  expect(response.status).toBe(202);
  expect(await scene.hub.store.subscriptions.find(scene.topic, callback)).toBeDefined();
  expect(scene.publisher.fetches).toEqual([]);
});

test.each(["", "hub", "hub/", "subscribe", "subscribe/", "publish", "publish/"])(
  "§6 pings are taken at /%s without a redirect",
  async (path) => {
    await using scene = await openScene();
    scene.publisher.serve("/feed", { body: "news" });
    const form = new URLSearchParams({ "hub.mode": "publish", "hub.url": scene.topic });
    const response = await send(scene.hub, "", { body: form, redirect: "manual" }, path);
    await scene.hub.drain();
    expect(response.status).toBe(204);
    expect(scene.bodies()).toEqual(["news"]);
  },
);

test.each(["hub.url", "hub.url[]", "hub.topic", "hub.topic[]"])("§6 a ping may repeat %s", async (field) => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  const paths = ["/1", "/2", "/3", "/4", "/5"];
  await subscribeAll(hub, publisher, subscriber, paths);
  const response = await hub.post([
    ["hub.mode", "publish"],
    ...paths.map((path): [string, string] => [field, publisher.topic(path)]),
  ]);
  await hub.drain();
  expect(response.status).toBe(204);
  expect(bodies(subscriber)).toEqual(paths);
});

test("§6 a ping may mix fields and repeat a topic, which is fetched once", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  await subscribeAll(hub, publisher, subscriber, ["/1", "/2"]);
  await hub.post([
    ["hub.mode", "publish"],
    ["hub.url", publisher.topic("/1")],
    ["hub.topic", publisher.topic("/2")],
    ["hub.url[]", publisher.topic("/1")],
  ]);
  await hub.drain();
  expect(publisher.fetches.map(({ target }) => target).toSorted()).toEqual(["/1", "/2"]);
  expect(bodies(subscriber)).toEqual(["/1", "/2"]);
});

test("§6 a comma list names several topics", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  await subscribeAll(hub, publisher, subscriber, ["/1", "/2", "/3"]);
  await hub.publish(`${publisher.topic("/1")},${publisher.topic("/3")}`);
  expect(bodies(subscriber)).toEqual(["/1", "/3"]);
});

test("§6 a comma list longer than a URL may be names its topics too", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  await subscribeAll(hub, publisher, subscriber, ["/1", "/2"]);
  const unknown = Array.from({ length: 90 }, (_, index) => `https://somebody.example/a/feed/${index}`);
  await hub.publish([publisher.topic("/1"), ...unknown, publisher.topic("/2")].join(","));
  expect(bodies(subscriber)).toEqual(["/1", "/2"]);
});

test("§6 a comma is part of the URL where that is a known topic", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  const whole = `/1,${publisher.topic("/2")}`;
  await subscribeAll(hub, publisher, subscriber, ["/1", "/2", whole]);
  await hub.publish(publisher.topic(whole));
  expect(bodies(subscriber)).toEqual([whole]);
});

test("§6 a comma list with a part that is no absolute URL is one URL, and nobody's topic", async () => {
  await using scene = await openScene();
  scene.publisher.serve("/feed", { body: "news" });
  await scene.hub.publish(`${scene.topic},other`);
  expect(scene.publisher.fetches).toEqual([]);
});

test("§6 a topic escaped for HTML (&amp;) is found, and one that really holds &amp; goes first", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  await subscribeAll(hub, publisher, subscriber, ["/?feed=rss2&cat=1"]);
  await hub.publish(publisher.topic("/?feed=rss2&amp;cat=1"));
  expect(bodies(subscriber)).toEqual(["/?feed=rss2&cat=1"]);

  await subscribeAll(hub, publisher, subscriber, ["/?feed=rss2&amp;cat=1"]);
  await hub.publish(publisher.topic("/?feed=rss2&amp;cat=1"));
  expect(bodies(subscriber)).toEqual(["/?feed=rss2&amp;cat=1", "/?feed=rss2&cat=1"]);
});

test("§6 one ping may name 100 topics; unknown ones among them do no harm", async () => {
  await using scene = await openScene();
  scene.publisher.serve("/feed", { body: "news" });
  const unknown = Array.from({ length: 99 }, (_, index) => scene.publisher.topic(`/${index}`));
  await scene.hub.publish(...unknown, scene.topic);
  expect(scene.publisher.fetches.map(({ target }) => target)).toEqual(["/feed"]);
  expect(scene.bodies()).toEqual(["news"]);
});

test("§6 a ping that names 101 topics is too large and has no effect", async () => {
  await using scene = await openScene();
  const unknown = Array.from({ length: 100 }, (_, index) => scene.publisher.topic(`/${index}`));
  const response = await scene.hub.post([
    ["hub.mode", "publish"],
    ...[scene.topic, ...unknown].map((url): [string, string] => ["hub.url", url]),
  ]);
  await scene.hub.drain();
  expect(response.status).toBe(413);
  expect(response.headers.get("Content-Type")).toMatch(/^text\/plain/);
  expect(await response.text()).toContain("101");
  expect(scene.publisher.fetches).toEqual([]);
});

test("§6 a form of more than 64 KiB is too large", async () => {
  await using scene = await openScene();
  const response = await scene.hub.post({ "hub.mode": "publish", "hub.url": scene.topic, filler: "a".repeat(65_536) });
  await scene.hub.drain();
  expect(response.status).toBe(413);
  expect(scene.publisher.fetches).toEqual([]);
});

test.each([
  { what: "no topic", form: [] },
  { what: "an empty topic", form: [["hub.url", ""]] },
  { what: "a relative URL", form: [["hub.url", "/feed"]] },
  { what: "another scheme", form: [["hub.topic", "ftp://blog.example/"]] },
  { what: "a fragment", form: [["hub.url", "https://blog.example/#news"]] },
  { what: "a password", form: [["hub.url", "https://me:secret@blog.example/"]] },
  { what: "a line break", form: [["hub.url", "https://blog.example/\r\nX: 1"]] },
] as { what: string; form: [string, string][] }[])(
  "§6 a ping with $what is refused in plain words",
  async ({ form }) => {
    await using hub = await openTestHub();
    const response = await hub.post([["hub.mode", "publish"], ...form]);
    expect(response.status).toBe(400);
    expect(response.headers.get("Content-Type")).toMatch(/^text\/plain/);
    expect(await response.text()).toMatch(/^hub\.url .+\n$/);
  },
);

test("§6 a malformed topic among good ones refuses the whole ping", async () => {
  await using scene = await openScene();
  const response = await scene.hub.post([
    ["hub.mode", "publish"],
    ["hub.url", scene.topic],
    ["hub.url", "feed"],
  ]);
  await scene.hub.drain();
  expect(response.status).toBe(400);
  expect(scene.publisher.fetches).toEqual([]);
});

test("§6 a GET is no ping", async () => {
  await using scene = await openScene();
  const query = new URLSearchParams({ "hub.mode": "publish", "hub.url": scene.topic });
  await send(scene.hub, `?${query.toString()}`, { method: "GET" });
  await scene.hub.drain();
  expect(scene.publisher.fetches).toEqual([]);
});

test("§6 a topic without subscribers is answered alike, but not fetched and not stored", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  publisher.serve("/feed", { body: "news" });
  const response = await hub.post({ "hub.mode": "publish", "hub.url": publisher.topic("/feed") });
  await hub.drain();
  expect(response.status).toBe(204);
  expect(publisher.fetches).toEqual([]);
  expect(await hub.store.topics.find(publisher.topic("/feed"))).toBeUndefined();
});

test("§6 a topic whose last subscriber has left is not fetched", async () => {
  await using scene = await openScene();
  await scene.update("one");
  await scene.hub.post({ "hub.mode": "unsubscribe", "hub.topic": scene.topic, "hub.callback": scene.callback });
  await scene.hub.drain();
  await scene.update("two");
  expect(scene.publisher.fetches).toHaveLength(1);
  expect(scene.bodies()).toEqual(["one"]);
});

test("§6 a ping is answered before the topic is fetched", async () => {
  await using scene = await openScene();
  const response = await scene.hub.post({ "hub.mode": "publish", "hub.url": scene.topic });
  expect(response.status).toBe(204);
  expect(scene.publisher.fetches).toEqual([]); // nobody has stepped the workers
  await scene.hub.drain();
  expect(scene.publisher.fetches).toHaveLength(1);
});
