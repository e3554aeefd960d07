import { expect, test } from "vitest";

import { openTestHub, type TestHub } from "../support/test-hub.ts";
import { openPublisher, type Publisher } from "../support/publisher.ts";
import { openSubscriber, type Subscriber } from "../support/subscriber.ts";
import { componentForm, curl, nodeAxios, phpForm, pythonUrllib2, standardForm, wordPress } from "./http-libraries.ts";
import { type PublisherRequest, publisherRequests, wordPressBody } from "./publisher-requests.ts";
import { ask, exchange, hostOf, type RawAnswer, request } from "./raw-exchange.ts";

// Rules are those of the compatibility list in spec-notes/compatibility.md.

/** Serves one text per path, which is the path, and has one subscriber to each. */
async function subscribeAll(hub: TestHub, publisher: Publisher, subscriber: Subscriber, paths: readonly string[]) {
  await Promise.all(
    paths.map((path) => {
      publisher.serve(path, { body: path });
      const pair = { "hub.topic": publisher.topic(path), "hub.callback": subscriber.callback() };
      return hub.post({ ...pair, "hub.mode": "subscribe" });
    }),
  );
  await hub.drain();
}

function targets(publisher: Publisher): readonly string[] {
  return publisher.fetches.map(({ target }) => target).toSorted();
}

function bodies(subscriber: Subscriber): readonly string[] {
  return subscriber.deliveries.map(({ body }) => body.toString()).toSorted();
}

/** A 204 is its head and nothing else: no body, and no header that speaks of one. */
const nothing = { status: 204, body: "", ofBody: [] };

function essence({ status, headers, body }: RawAnswer) {
  const ofBody = ["content-length", "content-type", "transfer-encoding"].filter((name) => name in headers);
  return { status, body, ofBody };
}

// Rules 2, 14, 17, 25.
test.each(publisherRequests.filter(({ at }) => typeof at === "string"))(
  "§6 $publisher gets exactly 204 without a body, and each topic it named is fetched once and delivered",
  play,
);

// Rules 2, 15.
test.each(publisherRequests.filter(({ at }) => typeof at === "function"))(
  "§6 $publisher pings in the query string, whatever the body is: exactly 204, fetched once and delivered",
  play,
);

async function play({ at, headers, body, paths }: PublisherRequest): Promise<void> {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  await subscribeAll(hub, publisher, subscriber, paths);
  const topics = paths.map((path) => publisher.topic(path));
  const host = hostOf(hub.url);
  const target = typeof at === "string" ? at.replace("{host}", host) : at(topics);

  const answer = await ask(hub.url, request(host, `POST ${target} HTTP/1.1`, headers, body(topics)));
  await hub.drain();

  expect(essence(answer)).toEqual(nothing);
  expect(targets(publisher)).toEqual(paths.toSorted());
  expect(bodies(subscriber)).toEqual(paths.toSorted());
}

// Rule 2.
test.each(["application/json", "application/json, text/plain, */*", "application/problem+json"])(
  "§6 also who accepts %s gets 204 without a body for a ping",
  async (accept) => {
    await using hub = await openTestHub();
    const headers = [...nodeAxios.filter((header) => !header.startsWith("Accept")), `Accept: ${accept}`];
    const form = standardForm([
      ["hub.mode", "publish"],
      ["hub.url", "https://blog.example/feed"],
    ]);
    const answer = await ask(hub.url, request(hostOf(hub.url), "POST / HTTP/1.1", headers, form));
    expect(essence(answer)).toEqual(nothing);
  },
);

// Rule 14.
test("§6 the official Python client sends 101 topics in batches of 100: all are taken", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  const paths = Array.from({ length: 101 }, (_, index) => `/feed/${index}`);
  const known = ["/feed/0", "/feed/99", "/feed/100"]; // first and last of a batch, and the next one
  await subscribeAll(hub, publisher, subscriber, known);
  const topics = paths.map((path): [string, string] => ["hub.url", publisher.topic(path)]);
  const batches = [topics.slice(0, 100), topics.slice(100)].map((batch) => {
    const form = phpForm([...batch, ["hub.mode", "publish"]]);
    return request(hostOf(hub.url), "POST / HTTP/1.1", pythonUrllib2, form);
  });

  const answers = await Promise.all(batches.map((batch) => ask(hub.url, batch)));
  await hub.drain();

  expect(answers.map(({ status }) => status)).toEqual([204, 204]);
  expect(targets(publisher)).toEqual(known.toSorted());
  expect(bodies(subscriber)).toEqual(known.toSorted());
});

// Rule 14.
test("§6 hub.url and hub.topic, repeated, mixed, in any order and twice, name each topic once", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  const paths = Array.from({ length: 100 }, (_, index) => `/feed/${index}`);
  const known = ["/feed/0", "/feed/1", "/feed/2", "/feed/3", "/feed/98", "/feed/99"];
  await subscribeAll(hub, publisher, subscriber, known);
  const fields = paths.flatMap((path, index): [string, string][] => [
    [index % 2 === 0 ? "hub.url" : "hub.topic", publisher.topic(path)],
    [index % 3 === 0 ? "hub.url" : "hub.topic", publisher.topic(path)],
  ]);
  const form = componentForm([...fields.slice(0, 77), ["hub.mode", "publish"], ...fields.slice(77)]);

  const answer = await ask(hub.url, request(hostOf(hub.url), "POST / HTTP/1.1", curl("curl/8.5.0"), form));
  await hub.drain();

  expect(essence(answer)).toEqual(nothing);
  expect(targets(publisher)).toEqual(known.toSorted());
});

// Rule 14, as settled in DESIGN 2.3.
test("§6 a comma list is split only where it is no topic itself and each part is an absolute http(s) URL", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  await subscribeAll(hub, publisher, subscriber, ["/a", "/b", "/a,b", "/c"]);
  const ping = (value: string) => {
    const form = phpForm([
      ["hub.mode", "publish"],
      ["hub.url", value],
    ]);
    return ask(hub.url, request(hostOf(hub.url), "POST / HTTP/1.1", curl("Known"), form));
  };

  const answers = [await ping(publisher.topic("/a,b")), await ping(`${publisher.topic("/c")},/b`)];
  await hub.drain();
  expect(answers.map(essence)).toEqual([nothing, nothing]);
  expect(targets(publisher)).toEqual(["/a,b"]);

  expect(essence(await ping(`${publisher.topic("/a")},${publisher.topic("/b")}`))).toEqual(nothing);
  await hub.drain();
  expect(targets(publisher)).toEqual(["/a", "/a,b", "/b"]);
});

// Rule 24.
test("§6 WordPress pings ten feeds for one post: those without subscribers cost no fetch and get no other answer", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  const feeds = ["", "/tag/a", "/tag/b", "/category/c", "/author/d"].flatMap((of) => [
    `${of}/feed/`,
    `${of}/feed/atom/`,
  ]);
  for (const feed of feeds) publisher.serve(feed, { body: feed });
  await subscribeAll(hub, publisher, subscriber, ["/tag/b/feed/"]);
  const bytes = (paths: readonly string[]) => {
    const body = wordPressBody(paths.map((path) => publisher.topic(path)));
    return request(hostOf(hub.url), "POST / HTTP/1.1", wordPress("WordPress/6.1.9; http://blog.example"), body);
  };

  const some = await ask(hub.url, bytes(feeds));
  const none = await ask(hub.url, bytes(["/feed/", "/feed/atom/"]));
  await hub.drain();

  expect([some, none].map(essence)).toEqual([nothing, nothing]);
  expect(targets(publisher)).toEqual(["/tag/b/feed/"]);
});

// Rule 25.
test("§6 of a pinged URL with &amp; the one with & is meant, unless the other is a topic", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  const escaped = "/?feed=atom&amp;tag=alpha";
  const plain = "/?feed=atom&tag=alpha";
  const ping = async () => {
    const body = wordPressBody([publisher.topic(escaped)]);
    await ask(hub.url, request(hostOf(hub.url), "POST / HTTP/1.1", wordPress("WordPress/6.1.9"), body));
    await hub.drain();
  };
  await subscribeAll(hub, publisher, subscriber, [plain]);
  await ping();
  expect(targets(publisher)).toEqual([plain]);

  await subscribeAll(hub, publisher, subscriber, [escaped]);
  await ping();
  expect(targets(publisher)).toEqual([escaped, plain]);
});

// Rules 2 and 18.
test("§6 pings one after another over one connection are each answered with 204 and nothing more", async () => {
  await using hub = await openTestHub();
  const headers = ["Host: {host}", "Content-Type: application/x-www-form-urlencoded", "Content-Length: {length}"];
  const requests = ["/a", "/b", "/c"].map((path) => {
    const form = phpForm([
      ["hub.mode", "publish"],
      ["hub.url", `https://blog.example${path}`],
    ]);
    return request(hostOf(hub.url), "POST /publish HTTP/1.1", headers, form);
  });
  const answers = await exchange(hub.url, ...requests);
  expect(answers.map(essence)).toEqual([nothing, nothing, nothing]);
});
