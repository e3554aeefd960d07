import { gzipSync } from "node:zlib";

import { expect, test } from "vitest";

import { version } from "../../src/version.ts";
import { openRawPeer } from "../outbound/peers.ts";
import type { Answer } from "../support/peer.ts";
import { openScene, type Scene } from "../support/scene.ts";
import { openSubscriber } from "../support/subscriber.ts";

/** Why the last fetch failed, as the hub keeps it. */
async function fetchError({ hub, topic }: Scene): Promise<string | undefined> {
  return (await hub.store.topics.find(topic))?.fetchError;
}

/** A chain of redirects from /feed to /feed/LENGTH, which has content. */
function serveRedirects({ publisher }: Scene, length: number): void {
  const path = (hop: number) => (hop === 0 ? "/feed" : `/feed/${hop}`);
  for (let hop = 0; hop < length; hop++)
    publisher.serve(path(hop), { status: 302, headers: { Location: path(hop + 1) } });
  publisher.serve(path(length), { body: "found" });
}

test("§6 a fetch is a GET that asks for the bytes as they are, and tells how many subscribe", async () => {
  await using scene = await openScene();
  await scene.update("one");
  await using second = await openSubscriber();
  await scene.hub.subscribe(scene.topic, second.callback());
  await scene.update("two");
  const [first, last] = scene.publisher.fetches;
  expect(first?.method).toBe("GET");
  expect(first?.body).toHaveLength(0);
  expect(first?.headers).toEqual({
    host: new URL(scene.topic).host,
    connection: "close",
    accept: "*/*",
    "accept-encoding": "identity",
    "user-agent": `Carillon/${version} (+${scene.hub.url}; 1 subscribers)`,
  });
  expect(last?.headers["user-agent"]).toBe(`Carillon/${version} (+${scene.hub.url}; 2 subscribers)`);
});

test("§6 the User-Agent names the public URL", async () => {
  await using scene = await openScene({ settings: { PUBLIC_URL: "https://hub.example/websub/" } });
  await scene.update("one");
  expect(scene.publisher.fetches[0]?.headers["user-agent"]).toContain("(+https://hub.example/websub/; ");
});

test("§6 the topic's query is asked for byte for byte", async () => {
  await using scene = await openScene();
  const target = "/xml/feeds/videos.xml?channel_id=a%2Fb&x=%41~&y='";
  scene.publisher.serve("/xml/feeds/videos.xml?channel_id=a%2Fb&x=A~&y=%27", { body: "news" });
  await scene.hub.subscribe(scene.publisher.topic(target), scene.callback);
  await scene.hub.publish(scene.publisher.topic(target));
  // Unreserved characters are decoded (§5.1.1), the rest is as URL spells it.
  expect(scene.publisher.fetches.map((fetch) => fetch.target)).toEqual([
    "/xml/feeds/videos.xml?channel_id=a%2Fb&x=A~&y=%27",
  ]);
  expect(scene.bodies()).toEqual(["news"]);
});

test.each<{ what: string; answer: Answer }>([
  { what: "chunked", answer: { headers: { "Transfer-Encoding": "chunked" }, body: "news" } },
  { what: "with a Content-Length", answer: { headers: { "Content-Length": "4" }, body: "news" } },
  { what: "gzipped unasked", answer: { headers: { "Content-Encoding": "gzip" }, body: gzipSync("news") } },
])("§6 content that comes $what is delivered as it is", async ({ answer }) => {
  await using scene = await openScene();
  await scene.update(answer);
  expect(scene.bodies()).toEqual(["news"]);
  expect(scene.subscriber.deliveries[0]?.headers).not.toHaveProperty("content-encoding");
  expect(scene.subscriber.deliveries[0]?.headers["content-length"]).toBe("4");
});

test.each([301, 302, 303, 307, 308])("§6 a fetch follows a %i", async (status) => {
  await using scene = await openScene();
  scene.publisher.serve("/new", { body: "moved" });
  await scene.update({ status, headers: { Location: scene.publisher.topic("/new") } });
  expect(scene.publisher.fetches.map(({ method, target }) => `${method} ${target}`)).toEqual(["GET /feed", "GET /new"]);
  expect(scene.bodies()).toEqual(["moved"]);
});

test.each(["/a/b", "a/b", "?x=1", "//HOST/a/b", "a/b#top"])(
  "§6 a fetch follows the relative Location %s",
  async (given) => {
    await using scene = await openScene();
    const location = given.replace("HOST", new URL(scene.topic).host);
    for (const path of ["/a/b", "/feed?x=1"]) scene.publisher.serve(path, { body: "moved" });
    await scene.update({ status: 302, headers: { Location: location } });
    expect(scene.bodies()).toEqual(["moved"]);
  },
);

test("§6 a fetch follows five redirects, and not six", async () => {
  await using scene = await openScene();
  serveRedirects(scene, 5);
  await scene.hub.publish(scene.topic);
  expect(scene.bodies()).toEqual(["found"]);

  serveRedirects(scene, 6);
  await scene.hub.publish(scene.topic);
  expect(scene.bodies()).toEqual(["found"]);
  expect(await fetchError(scene)).toBe("more than 5 redirects");
});

test.each([
  { what: "a loop", location: "/feed", reason: /more than 5 redirects/ },
  { what: "no http(s) URL", location: "file:///etc/passwd", reason: /neither http nor https/ },
  { what: "a user name", location: "http://me@127.0.0.1/", reason: /user name/ },
  {
    what: "a private address",
    location: "http://10.0.0.1/",
    reason: /^forbidden: .*10\.0\.0\.1.*CARILLON_ALLOW_CIDRS/,
  },
  { what: "a metadata service", location: "http://169.254.169.254/", reason: /^forbidden: .*CARILLON_ALLOW_CIDRS/ },
])("§6 a redirect to $what is a failed fetch", async ({ location, reason }) => {
  await using scene = await openScene();
  await scene.update({ status: 302, headers: { Location: location } });
  expect(scene.bodies()).toEqual([]);
  expect(await fetchError(scene)).toMatch(reason);
});

test("§6 each redirect is judged, not only the first", async () => {
  await using scene = await openScene();
  scene.publisher.serve("/hop", { status: 307, headers: { Location: "http://192.168.0.1/admin" } });
  await scene.update({ status: 302, headers: { Location: "/hop" } });
  expect(scene.publisher.fetches).toHaveLength(2);
  expect(await fetchError(scene)).toMatch(/^forbidden: .*192\.168\.0\.1.*CARILLON_ALLOW_CIDRS/);
});

test.each([
  { what: "the hub itself", settings: { PUBLIC_URL: "http://127.0.0.1:1/" }, location: "http://127.0.0.1.:1/hub" },
  {
    what: "a topic that is denied",
    settings: { TOPIC_DENY: "*.denied.example" },
    location: "http://a.denied.example./",
  },
  { what: "a topic that is not allowed", settings: { TOPIC_ALLOW: "127.0.0.1" }, location: "http://cdn.example/" },
])("§6 a redirect to $what is not followed, at any hop", async ({ settings, location }) => {
  const asked: string[] = [];
  const resolve = async (name: string) => [`127.0.0.${asked.push(name)}`];
  await using scene = await openScene({ settings, resolve });
  scene.publisher.serve("/hop", { status: 307, headers: { Location: location } });
  await scene.update({ status: 302, headers: { Location: "/hop" } });
  expect(scene.publisher.fetches).toHaveLength(2);
  const own = "answered 307 with a Location that leads to this hub itself";
  const unserved = "answered 307 with a Location that is not a topic this hub serves";
  expect(await fetchError(scene)).toBe("PUBLIC_URL" in settings ? own : unserved);
  expect(asked).toEqual([]);
});

test.each([201, 202, 203, 204, 206, 300, 304, 400, 401, 403, 404, 410, 429, 500, 503])(
  "§6 a %i is no content",
  async (status) => {
    await using scene = await openScene();
    await scene.update({ status, body: status === 204 || status === 304 ? "" : "an error page" });
    expect(scene.bodies()).toEqual([]);
    expect(await fetchError(scene)).toBe(`answered ${status}`);
  },
);

test.each([
  { what: "shorter than it said", answer: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf" },
  { what: "chunked and broken off", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n" },
])("§6 a 200 that is $what is no content", async ({ answer }) => {
  await using scene = await openScene();
  await using broken = await openRawPeer((socket) => socket.end(answer));
  await scene.update({ status: 302, headers: { Location: broken.origin } });
  expect(scene.bodies()).toEqual([]);
  expect(await fetchError(scene)).toMatch(/^broken: /);
});

test("§6 a body that is not what its Content-Encoding says is no content", async () => {
  await using scene = await openScene();
  await scene.update({ headers: { "Content-Encoding": "gzip" }, body: "plain" });
  expect(scene.bodies()).toEqual([]);
  expect(await fetchError(scene)).toMatch(/not valid gzip/);
});

test("§6 a publisher that does not answer within 20 s has failed", async () => {
  await using scene = await openScene();
  scene.publisher.serve("/feed", () => "hang");
  const publishing = scene.hub.publish(scene.topic);
  await scene.publisher.seen(1);
  scene.hub.clock.advance(20_000);
  await publishing;
  expect(await fetchError(scene)).toMatch(/^timeout: .*20 s/);
});

test("§6 a topic of CARILLON_TOPIC_MAX_BYTES is delivered, one byte more is a failed fetch", async () => {
  await using scene = await openScene({ settings: { TOPIC_MAX_BYTES: "1000" } });
  await scene.update("a".repeat(1000));
  await scene.update("b".repeat(1001));
  expect(scene.bodies()).toEqual(["a".repeat(1000)]);
  expect(await fetchError(scene)).toBe("larger than 1000 bytes");
});

test("§6 CARILLON_TOPIC_MAX_BYTES counts after decoding: a bomb is a failed fetch", async () => {
  await using scene = await openScene({ settings: { TOPIC_MAX_BYTES: "1000" } });
  await scene.update({ headers: { "Content-Encoding": "gzip" }, body: gzipSync(Buffer.alloc(100_000)) });
  expect(scene.bodies()).toEqual([]);
  expect(await fetchError(scene)).toMatch(/decoded body is larger than 1000 bytes/);
});

test("§6 an unreachable publisher is a failed fetch, and the hub lives on", async () => {
  await using scene = await openScene();
  await scene.publisher[Symbol.asyncDispose]();
  await scene.hub.publish(scene.topic);
  expect(await fetchError(scene)).toMatch(/^refused: /);
  const response = await scene.hub.post({ "hub.mode": "publish", "hub.url": scene.topic });
  expect(response.status).toBe(204);
});

test("§6 a failed fetch is tried again after 5, 30, 120, 600 and 3600 s, and then no more until the next ping", async () => {
  await using scene = await openScene();
  await scene.update({ status: 503 });
  for (const [index, delaySeconds] of [5, 30, 120, 600, 3600].entries()) {
    await scene.hub.pass(delaySeconds * 1000 - 1);
    expect(scene.publisher.fetches).toHaveLength(index + 1);
    await scene.hub.pass(1);
    expect(scene.publisher.fetches).toHaveLength(index + 2);
  }
  await scene.hub.pass(7 * 86_400_000);
  expect(scene.publisher.fetches).toHaveLength(6);

  await scene.update("news");
  expect(scene.publisher.fetches).toHaveLength(7);
  expect(scene.bodies()).toEqual(["news"]);
});

test("§6 what a retry finds is delivered", async () => {
  await using scene = await openScene();
  await scene.update({ status: 503 });
  scene.publisher.serve("/feed", { body: "late news" });
  await scene.hub.pass(5000);
  expect(scene.bodies()).toEqual(["late news"]);
  expect(await fetchError(scene)).toBeUndefined();
  await scene.hub.pass(86_400_000);
  expect(scene.publisher.fetches).toHaveLength(2);
});

test("§6 a ping makes a waiting retry due now, and begins the schedule anew", async () => {
  await using scene = await openScene();
  await scene.update({ status: 503 });
  await scene.hub.pass(5000); // the next one would come after 30 s
  await scene.update({ status: 500 });
  expect(scene.publisher.fetches).toHaveLength(3);
  await scene.hub.pass(5000);
  expect(scene.publisher.fetches).toHaveLength(4);
});
