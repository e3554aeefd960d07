import { createHash, randomBytes } from "node:crypto";

import { expect, test } from "vitest";

import { version } from "../../src/version.ts";
import { closed, openRawPeer } from "../outbound/peers.ts";
import { attemptsOf } from "../support/attempts.ts";
import { openTestHub } from "../support/test-hub.ts";
import { openPublisher } from "../support/publisher.ts";
import { openScene } from "../support/scene.ts";
import { openSubscriber } from "../support/subscriber.ts";

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index));

test("§7 every update is a POST to the callback, with the query of the callback in the URL", async () => {
  await using scene = await openScene();
  const callback = "/cb?k=a%2Fb&hub.mode=mine&~";
  await scene.hub.subscribe(scene.topic, scene.subscriber.callback(callback));
  for (const body of ["one", "two", "three"]) await scene.update(body);
  const posts = scene.subscriber.deliveries.filter(({ target }) => target === callback);
  expect(posts.map(({ method, body }) => `${method} ${body.toString()}`)).toEqual([
    "POST one",
    "POST two",
    "POST three",
  ]);
});

test.each<{ what: string; type: string; body: Buffer | string }>([
  {
    what: "an Atom feed",
    type: "application/atom+xml",
    body: '<?xml version="1.0"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n <title >A &amp; B</title>\t<entry/></feed>\n',
  },
  {
    what: "an RSS feed",
    type: "application/rss+xml",
    body: "<rss version='2.0'><channel><item/><item/></channel></rss>",
  },
  {
    what: "a JSON feed with odd spacing",
    type: "application/feed+json",
    body: '{ "version" : "https://jsonfeed.org/version/1.1",\r\n"a":1.0, "a":1e0,"é":"\\u00e9\\/" }',
  },
  { what: "Latin-1", type: "text/html; charset=iso-8859-1", body: Buffer.from("<p>caf\xe9 \xa0", "latin1") },
  { what: "a text with a byte order mark", type: "text/plain", body: Buffer.from("\ufeffnews", "utf8") },
  { what: "UTF-16", type: "text/plain; charset=utf-16le", body: Buffer.from("\ufeffnews", "utf16le") },
  { what: "all kinds of line ends", type: "text/plain", body: "\r\n a\rb\nc\n\r\n\r\n" },
  {
    what: "text that is cut within a character",
    type: "text/plain; charset=utf-8",
    body: Buffer.from([0x61, 0xe2, 0x82]),
  },
  { what: "all 256 byte values", type: "application/octet-stream", body: everyByte },
])("§7 $what is delivered byte for byte and in full, with its type", async ({ type, body }) => {
  await using scene = await openScene();
  await scene.update({ headers: { "Content-Type": type }, body });
  const [delivery] = scene.subscriber.deliveries;
  expect(delivery?.body.equals(Buffer.from(body))).toBe(true);
  expect(delivery?.headers["content-type"]).toBe(type);
  expect(delivery?.headers["content-length"]).toBe(String(Buffer.from(body).length));
});

test("§7 5 MB are delivered whole", async () => {
  await using scene = await openScene();
  const body = randomBytes(5_000_000);
  await scene.update({ body });
  const [delivery] = scene.subscriber.deliveries;
  const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
  expect(delivery?.headers["content-length"]).toBe("5000000");
  expect(hash(delivery?.body ?? everyByte)).toBe(hash(body));
});

test("§7 empty content is delivered as such, and the next update after it", async () => {
  await using scene = await openScene();
  await scene.update({ headers: { "Content-Type": "text/plain" }, body: "" });
  await scene.update("news");
  expect(scene.bodies()).toEqual(["", "news"]);
  expect(scene.subscriber.deliveries[0]?.headers["content-length"]).toBe("0");
  expect(scene.subscriber.deliveries[0]?.headers["content-type"]).toBe("text/plain");
});

test("§7 of a feed that grew, all of it is delivered again", async () => {
  await using scene = await openScene();
  const feed = (...ids: number[]) => `<feed>${ids.map((id) => `<entry><id>${id}</id></entry>`).join("")}</feed>`;
  const headers = { "Content-Type": "application/atom+xml" };
  await scene.update({ headers, body: feed(1, 2) });
  await scene.update({ headers, body: feed(1, 2, 3) });
  expect(scene.bodies()).toEqual([feed(1, 2), feed(1, 2, 3)]);
});

test.each([
  "text/plain",
  "text/html; charset=utf-8",
  "text/html;charset=UTF-8",
  'application/atom+xml; type="feed"; charset=utf-8',
  'multipart/mixed; boundary="a b;c"',
  "Application/Feed+JSON",
])("§7 the type %s is delivered with all its parameters, as it is spelled", async (type) => {
  await using scene = await openScene();
  await scene.update({ headers: { "Content-Type": type }, body: "news" });
  expect(scene.subscriber.deliveries.map(({ headers }) => headers["content-type"])).toEqual([type]);
});

test("§7 content without a type is delivered as bytes", async () => {
  await using scene = await openScene();
  await scene.update({ body: "news" });
  expect(scene.subscriber.deliveries.map(({ headers }) => headers["content-type"])).toEqual([
    "application/octet-stream",
  ]);
});

test.each([
  { what: "is no type", type: "news" },
  { what: "is two types", type: "text/plain, text/html" },
  { what: "is endless", type: `text/plain; a="${"a".repeat(5000)}"` },
  { what: "is not ASCII", type: "text/plain; title=caf\xe9" },
  { what: "is empty", type: "" },
])("§7 a Content-Type that $what is delivered as bytes", async ({ type }) => {
  await using scene = await openScene();
  await scene.update({ headers: { "Content-Type": type }, body: "news" });
  expect(scene.subscriber.deliveries.map(({ headers }) => headers["content-type"])).toEqual([
    "application/octet-stream",
  ]);
  expect(scene.bodies()).toEqual(["news"]);
});

test("§7 a delivery has these headers, each once, and nothing of the publisher's or the subscriber's", async () => {
  await using scene = await openScene({ asking: { "hub.secret": "sesame-of-the-subscriber" } });
  await scene.update({
    headers: {
      "Set-Cookie": "session=stolen",
      Server: "blog",
      "X-Powered-By": "me",
      ETag: '"1"',
      "Content-Type": "a/b",
    },
    body: "news",
  });
  const [delivery] = scene.subscriber.deliveries;
  const names = delivery?.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  expect(names?.toSorted()).toEqual([
    "carillon-attempt",
    "connection",
    "content-length",
    "content-type",
    "host",
    "link",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
    "x-hub-signature",
  ]);
  expect(delivery?.headers["user-agent"]).toBe(`Carillon/${version} (+${scene.hub.url})`);
  expect(delivery?.rawHeaders.join("\n")).not.toContain("sesame");
});

test("§7 a Link header names self and hub, self first", async () => {
  await using scene = await openScene();
  await scene.update("news");
  const raw = scene.subscriber.deliveries[0]?.rawHeaders ?? [];
  expect(raw.filter((_, index) => /^link$/i.test(raw[index - 1] ?? ""))).toEqual([
    `<${scene.topic}>; rel="self", <${scene.hub.url}>; rel="hub"`,
  ]);
});

test("§7 a delivery says when it was sent, which attempt it is, and has an id of its own", async () => {
  await using scene = await openScene();
  await scene.hub.subscribe(scene.topic, scene.subscriber.callback("/second"));
  await scene.update("one");
  await scene.hub.pass(90_000);
  await scene.update("two");
  const headers = scene.subscriber.deliveries.map((delivery) => delivery.headers);
  const start = Date.parse("2026-01-01T00:00:00Z") / 1000;
  const timestamps = headers.map((header) => Number(header["webhook-timestamp"]) - start);
  expect(timestamps).toEqual([0, 0, 90, 90]);
  expect(headers.map((header) => header["carillon-attempt"])).toEqual(["1", "1", "1", "1"]);
  expect(new Set(headers.map((header) => header["webhook-id"])).size).toBe(4);
});

test("§7 each of 30 subscribers gets each update once", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  const topic = publisher.topic("/feed");
  const paths = Array.from({ length: 30 }, (_, index) => `/callback/${index}`);
  for (const path of paths) await hub.subscribe(topic, subscriber.callback(path));
  for (const body of ["one", "two"]) {
    publisher.serve("/feed", { body });
    await hub.publish(topic);
  }
  const got = (path: string) => subscriber.deliveries.filter(({ target }) => target === path);
  expect(paths.map((path) => got(path).map(({ body }) => body.toString()))).toEqual(paths.map(() => ["one", "two"]));
});

test("§7 only a topic's own subscribers get it", async () => {
  await using scene = await openScene();
  scene.publisher.serve("/feed?page=2", { body: "page two" });
  await scene.hub.subscribe(scene.publisher.topic("/feed?page=2"), scene.subscriber.callback("/other"));
  await scene.update("page one");
  expect(scene.subscriber.deliveries.map(({ target, body }) => [target, body.toString()])).toEqual([
    ["/callback", "page one"],
  ]);
});

test.each([200, 201, 202, 204])("§7 a %i is a success: nothing is repeated", async (status) => {
  await using scene = await openScene({ receive: () => ({ status }) });
  await scene.update("one");
  await scene.hub.pass(86_400_000);
  expect(scene.bodies()).toEqual(["one"]);
  const records = await attemptsOf(scene.hub, scene.topic);
  expect(records).toMatchObject([{ outcome: "delivered", status, attempt: 1 }]);
});

test("§7 what a subscriber says besides its status is ignored, be it 1.4 MB", async () => {
  await using scene = await openScene({
    receive: () => ({ status: 200, body: Buffer.alloc(1_400_000, "ignore me ") }),
  });
  for (const body of ["one", "two"]) await scene.update(body);
  await scene.hub.pass(86_400_000);
  expect(scene.bodies()).toEqual(["one", "two"]);
});

test("§7 an endless answer is a success, and the hub hangs up on it", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  const hungUp = Promise.withResolvers<void>();
  await using endless = await openRawPeer((socket, head) => {
    const challenge = /hub\.challenge=([^& ]+)/.exec(head)?.[1];
    if (challenge !== undefined) {
      socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${challenge.length}\r\n\r\n${challenge}`);
      return;
    }
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    const drip = () => {
      while (!socket.destroyed && socket.write(Buffer.alloc(65_536)));
    };
    socket.on("drain", drip);
    drip();
    void closed(socket).then(hungUp.resolve);
  });
  const topic = publisher.topic("/feed");
  publisher.serve("/feed", { body: "news" });
  await hub.subscribe(topic, `${endless.origin}/callback`);
  await hub.publish(topic);
  await hungUp.promise;
  const records = await attemptsOf(hub, topic);
  expect(records.map(({ outcome, status }) => [outcome, status])).toEqual([["delivered", 200]]);
});
