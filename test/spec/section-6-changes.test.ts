import { expect, test } from "vitest";

import type { Answer } from "../support/peer.ts";
import { openScene, type Scene } from "../support/scene.ts";
import { until } from "../support/until.ts";

/** The conditions each fetch so far was sent with. */
function conditions({ publisher }: Scene) {
  return publisher.fetches.map(({ headers }) => [headers["if-none-match"], headers["if-modified-since"]]);
}

function ping({ hub, topic }: Scene): Promise<Response> {
  return hub.post({ "hub.mode": "publish", "hub.url": topic });
}

const OLD = "Thu, 01 Jan 2015 00:00:00 GMT";

test("§6 the publisher's ETag and Last-Modified come back with the next fetch, exactly as given", async () => {
  await using scene = await openScene();
  const versioned = { ETag: 'W/"a-1"', "Last-Modified": OLD };
  await scene.update({ headers: versioned, body: "one" });
  await scene.update({ status: 304 });
  await scene.update({ headers: { ETag: '"b"' }, body: "two" });
  await scene.update({ status: 304 });
  expect(conditions(scene)).toEqual([
    [undefined, undefined],
    ['W/"a-1"', OLD],
    ['W/"a-1"', OLD], // a 304 changes nothing
    ['"b"', undefined],
  ]);
});

test("§6 after a 304 nothing is sent, and the next change is", async () => {
  await using scene = await openScene();
  await scene.update({ headers: { ETag: '"1"' }, body: "one" });
  await scene.update({ status: 304 });
  expect(scene.bodies()).toEqual(["one"]);
  await scene.update({ headers: { ETag: '"2"' }, body: "two" });
  expect(scene.bodies()).toEqual(["one", "two"]);
});

test("§6 validators of a version that was not stored are never sent", async () => {
  await using scene = await openScene();
  await scene.update({ status: 500, headers: { ETag: '"error"' }, body: "an error page" });
  await scene.update({ headers: { ETag: '"1"' }, body: "one" });
  expect(conditions(scene)).toEqual([
    [undefined, undefined],
    [undefined, undefined],
  ]);
  expect(scene.bodies()).toEqual(["one"]);
});

test("§6 a version modified in the very second it was served is asked for in full once more", async () => {
  await using scene = await openScene();
  const settling = { Date: OLD, "Last-Modified": OLD, ETag: '"time-and-size"' };
  await scene.update({ headers: settling, body: "one" });
  await scene.update({ headers: settling, body: "two" }); // changed within the second: the ETag has not noticed
  expect(conditions(scene)).toEqual([
    [undefined, undefined],
    [undefined, undefined],
  ]);
  expect(scene.bodies()).toEqual(["one", "two"]);
});

test("§6 the same bytes of the same type are not sent again", async () => {
  await using scene = await openScene();
  const answer: Answer = { headers: { "Content-Type": "text/plain" }, body: "one" };
  await scene.update(answer);
  await scene.update(answer);
  expect(scene.publisher.fetches).toHaveLength(2);
  expect(scene.bodies()).toEqual(["one"]);
});

test("§6 the same bytes are sent again when they come back after a change", async () => {
  await using scene = await openScene();
  for (const body of ["one", "two", "one"]) await scene.update(body);
  expect(scene.bodies()).toEqual(["one", "two", "one"]);
});

test("§6 another type makes the same bytes an update", async () => {
  await using scene = await openScene();
  await scene.update({ headers: { "Content-Type": "text/plain" }, body: "one" });
  await scene.update({ headers: { "Content-Type": "text/html" }, body: "one" });
  const types = scene.subscriber.deliveries.map(({ headers }) => headers["content-type"]);
  expect(types).toEqual(["text/plain", "text/html"]);
});

test("§6 other headers make no update", async () => {
  await using scene = await openScene();
  await scene.update({ headers: { ETag: '"1"', Link: '</>; rel="next"' }, body: "one" });
  await scene.update({ headers: { ETag: '"2"', Expires: "0" }, body: "one" });
  expect(scene.bodies()).toEqual(["one"]);
});

test("§6 pings before the fetch has begun are one fetch", async () => {
  await using scene = await openScene();
  scene.publisher.serve("/feed", { body: "news" });
  for (let count = 0; count < 5; count++) await ping(scene);
  await scene.hub.drain();
  expect(scene.publisher.fetches).toHaveLength(1);
});

test("§6 pings during a fetch cause exactly one more, and the last version is delivered last", async () => {
  await using scene = await openScene();
  const held = Promise.withResolvers<Answer>();
  scene.publisher.serve("/feed", () => held.promise);
  const publishing = scene.hub.publish(scene.topic);
  await scene.publisher.seen(1);
  for (let count = 0; count < 3; count++) await ping(scene);
  expect(scene.publisher.fetches).toHaveLength(1);

  scene.publisher.serve("/feed", { body: "new" });
  held.resolve({ body: "old" });
  await publishing;
  expect(scene.publisher.fetches).toHaveLength(2);
  expect(scene.bodies().at(-1)).toBe("new");
  await scene.hub.pass(86_400_000);
  expect(scene.publisher.fetches).toHaveLength(2);
});

test("§6 a ping during a fetch that fails is not lost", async () => {
  await using scene = await openScene();
  const held = Promise.withResolvers<Answer>();
  scene.publisher.serve("/feed", () => held.promise);
  const publishing = scene.hub.publish(scene.topic);
  await scene.publisher.seen(1);
  await ping(scene);
  scene.publisher.serve("/feed", { body: "new" });
  held.resolve({ status: 500 });
  await publishing;
  expect(scene.bodies()).toEqual(["new"]);
});

test("§6 in a burst of publications none comes after a newer one, and the last version is delivered last", async () => {
  await using scene = await openScene({ running: true });
  const versions = ["1", "2", "3", "4", "5", "6"];
  for (const version of versions) {
    scene.publisher.serve("/feed", { body: version });
    await ping(scene);
  }
  await until(() => scene.bodies().at(-1) === "6");
  expect(scene.bodies()).toEqual(versions.filter((version) => scene.bodies().includes(version)));
});

test("§6 pings sooner than CARILLON_FETCH_MIN_INTERVAL_SECONDS after the last fetch are one fetch when it is over", async () => {
  await using scene = await openScene({ settings: { FETCH_MIN_INTERVAL_SECONDS: "60" } });
  await scene.update("one");
  expect(scene.bodies()).toEqual(["one"]);
  for (const body of ["two", "three", "four"]) {
    await scene.hub.pass(10_000);
    await scene.update(body);
  }
  expect(scene.publisher.fetches).toHaveLength(1);

  await scene.hub.pass(29_999);
  expect(scene.publisher.fetches).toHaveLength(1);
  await scene.hub.pass(1);
  expect(scene.publisher.fetches).toHaveLength(2);
  expect(scene.bodies()).toEqual(["one", "four"]);

  await scene.hub.pass(86_400_000);
  expect(scene.publisher.fetches).toHaveLength(2);
});

test("§6 a ping after the interval is fetched at once", async () => {
  await using scene = await openScene({ settings: { FETCH_MIN_INTERVAL_SECONDS: "60" } });
  await scene.update("one");
  await scene.hub.pass(60_000);
  await scene.update("two");
  expect(scene.bodies()).toEqual(["one", "two"]);
});

test("§6 the interval counts per topic", async () => {
  await using scene = await openScene({ settings: { FETCH_MIN_INTERVAL_SECONDS: "60" } });
  await scene.update("one");
  scene.publisher.serve("/other", { body: "other" });
  await scene.hub.subscribe(scene.publisher.topic("/other"), scene.callback);
  await scene.hub.publish(scene.publisher.topic("/other"));
  expect(scene.bodies()).toEqual(["one", "other"]);
});
