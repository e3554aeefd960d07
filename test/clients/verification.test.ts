import { expect, test } from "vitest";

import { openTestHub } from "../support/test-hub.ts";
import type { Answering } from "../support/peer.ts";
import { openScene } from "../support/scene.ts";
import { openSubscriber, parameters } from "../support/subscriber.ts";
import * as clients from "./client-behaviours.ts";
import { openClientScene } from "./client-scene.ts";
import { openPhpPeer } from "./php-peer.ts";

// Rules are those of the compatibility list in spec-notes/compatibility.md.

const dayMs = 86_400_000;
const token = "subscribe6b3a55e0261b0304143f805a24924d0c1c445248";
const echoing = (dress: (challenge: string) => string, type: string, status = 200): Answering => {
  return (request) => {
    const challenge = parameters(request).get("hub.challenge") ?? "";
    return { status, headers: { "Content-Type": type }, body: dress(challenge) };
  };
};

// Rule 6.
test("§5.3 NewsBlur answers 404 unless hub.verify_token comes back", async () => {
  await using scene = await openClientScene({
    client: () => clients.newsBlur(token),
    callback: "/push/5299728",
    asking: { "hub.verify_token": token, "hub.lease_seconds": "2592000" },
  });
  await scene.update("one");
  expect(scene.client.taken).toEqual(["one"]);
});

// Rule 6: the twin is as strict as the real one.
test("§5.3 who sent no hub.verify_token gets none, and NewsBlur's 404 is final", async () => {
  await using scene = await openClientScene({ client: () => clients.newsBlur(token) });
  await scene.hub.pass(dayMs);
  await scene.update("one");
  expect(scene.subscriber.verifications.map((one) => parameters(one).has("hub.verify_token"))).toEqual([false]);
  expect(scene.client.taken).toEqual([]);
});

// Rule 7.
test.each([
  { who: "Flask-WebSub", client: ({ topic }: { topic: string }) => clients.flaskWebSub({ mode: "subscribe", topic }) },
  { who: "websubsub", client: ({ topic }: { topic: string }) => clients.webSubSub(new Set([topic])) },
])("§5.3 $who, which asks for no lease, is told one in whole seconds", async ({ client }) => {
  await using scene = await openClientScene({ client });
  const leases = scene.subscriber.verifications.map((one) => parameters(one).get("hub.lease_seconds"));
  await scene.update("one");
  expect(leases).toEqual(["864000"]);
  expect(scene.client.taken).toEqual(["one"]);
});

// Rule 7.
test.each([
  { asked: "1", told: "300" },
  { asked: "86400", told: "86400" },
  { asked: "2592000", told: "2592000" },
  { asked: "99999999999999999999999", told: "2592000" },
])("§5.3 a lease of $asked s asked for is told as a whole number, $told", async ({ asked, told }) => {
  await using scene = await openScene({ asking: { "hub.lease_seconds": asked } });
  const [verification] = scene.subscriber.verifications;
  expect(verification && parameters(verification).get("hub.lease_seconds")).toBe(told);
});

// Rule 8.
test("§5.3 FreshRSS asks for no lease and renews in its last 23 hours: it gets ten days, and deliveries until then", async () => {
  await using scene = await openClientScene({
    client: () => clients.freshRss("da39", { readers: 1 }),
    callback: "/api/pshb.php?k=da39",
  });
  await scene.update("at once");
  await scene.hub.pass(10 * dayMs - 1000);
  await scene.update("in the last second");
  await scene.hub.pass(2000);
  await scene.update("after the lease");
  expect(scene.client.taken).toEqual(["at once", "in the last second"]);
  expect(scene.subscriber.verifications).toHaveLength(1);
});

// Rule 9.
test.each([
  "/api/pshb.php?k=da39a3ee5e6b4b0d3255bfef95601890afd80709",
  "/?topic=http%3A%2F%2Fblog.example%2F&hub=http%3A%2F%2Fhub.example%2F",
  "/wp-json/pubsubhubbub/1.0/callback?subscription_id=feed-42",
  "/callback?b=2&a=1&b=1&hub.mode=own&e=%C3%A9&f=%7e&g",
])("§5.1.1 what stands in the query of %s stays as it is, in order, and parameters are added behind", async (path) => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  await hub.subscribe("https://blog.example/feed", subscriber.callback(path));
  const [target = ""] = subscriber.verifications.map((verification) => verification.target);
  expect(target.slice(0, path.length)).toBe(path);
  expect(target.slice(path.length)).toMatch(
    /^&hub\.mode=subscribe&hub\.topic=https%3A%2F%2Fblog\.example%2Ffeed&hub\.challenge=[\w-]+&hub\.lease_seconds=864000$/,
  );
});

// Rule 10.
test("§5.3 a challenge is short and made of letters, digits, - and _, and never the same twice", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber();
  for (let index = 0; index < 20; index++) await hub.subscribe(`https://blog.example/${index}`, subscriber.callback());
  const challenges = subscriber.verifications.map((one) => parameters(one).get("hub.challenge") ?? "");
  expect(challenges.filter((challenge) => /^[A-Za-z0-9_-]{16,64}$/.test(challenge))).toHaveLength(20);
  expect(new Set(challenges).size).toBe(20);
});

// Rule 10.
test.each([
  { who: "WordPress quotes it as JSON", verify: echoing((it) => `"${it}"`, "text/plain"), confirms: true },
  { who: "Swift answers 202", verify: echoing((it) => it, "text/plain", 202), confirms: true },
  { who: "Django says it is HTML", verify: echoing((it) => it, "text/html; charset=utf-8"), confirms: true },
  { who: "Flask says it is bytes", verify: echoing((it) => it, "application/octet-stream"), confirms: true },
  { who: "a script ends the line", verify: echoing((it) => `\r\n ${it}\n`, "text/plain"), confirms: true },
  { who: "a script quotes it and ends the line", verify: echoing((it) => `"${it}"\n`, "text/plain"), confirms: true },
  { who: "somebody quotes it twice", verify: echoing((it) => `""${it}""`, "text/plain"), confirms: false },
  { who: "somebody quotes it once", verify: echoing((it) => `"${it}`, "text/plain"), confirms: false },
  { who: "somebody changes its case", verify: echoing((it) => it.toUpperCase(), "text/plain"), confirms: false },
  { who: "somebody puts it on a page", verify: echoing((it) => `<p>${it}</p>`, "text/html"), confirms: false },
  { who: "somebody redirects with it", verify: echoing((it) => it, "text/plain", 302), confirms: false },
])("§5.3.1 $who: that the challenge came back is $confirms", async ({ verify, confirms }) => {
  await using scene = await openScene({ verify });
  await scene.update("one");
  expect(scene.bodies()).toEqual(confirms ? ["one"] : []);
});

// Rules 9 and 10.
test("§5.3.1 the WordPress plugin, which strips tags and %xx and quotes the rest, is verified and served", async () => {
  await using scene = await openClientScene({
    client: () => clients.wordPress("feed-42", "s3cret"),
    callback: "/wp-json/pubsubhubbub/1.0/callback?subscription_id=feed-42",
    asking: { "hub.secret": "s3cret" },
  });
  await scene.update("one");
  expect(scene.client.taken).toEqual(["one"]);
});

// Rule 11.
test("§5.3 a verification that succeeded is not repeated: Flask-WebSub would answer the second with 404", async () => {
  await using scene = await openClientScene({
    client: ({ topic }) => clients.flaskWebSub({ mode: "subscribe", topic }),
  });
  await scene.update("one");
  await scene.hub.restart();
  await scene.hub.pass(dayMs);
  await scene.update("two");
  expect(scene.subscriber.verifications).toHaveLength(1);
  expect(scene.client.taken).toEqual(["one", "two"]);
});

// Rule 13.
test.each([200, 204, 400, 404, 410, 422, 500])(
  "§5.2 a callback's %i to hub.mode=denied is ignored and not asked again",
  async (status) => {
    await using hub = await openTestHub({ settings: { TOPIC_POLICY: "advertised" } });
    await using scene = await openScene();
    scene.publisher.serve("/feed", { body: "names no hub" });
    await using subscriber = await openSubscriber({ verify: () => ({ status }) });
    await hub.subscribe(scene.topic, subscriber.callback("/api/pshb.php?k=da39"));
    await hub.pass(dayMs);
    const told = subscriber.verifications.map((one) => [parameters(one).get("k"), parameters(one).get("hub.mode")]);
    expect(told).toEqual([["da39", "denied"]]);
  },
);

// Rule 22.
test("§5.3.1 and §7 PHP's own server says close twice, gives no length and sets cookies: it is verified and served", async () => {
  await using hub = await openTestHub();
  await using scene = await openScene();
  await using php = await openPhpPeer();
  scene.publisher.serve("/feed", { body: "one" });
  await hub.subscribe(scene.topic, php.callback);
  await hub.publish(scene.topic);
  scene.publisher.serve("/feed", { body: "two" });
  await hub.publish(scene.topic);
  await hub.pass(dayMs);
  expect(php.deliveries).toEqual(["one", "two"]);
});
