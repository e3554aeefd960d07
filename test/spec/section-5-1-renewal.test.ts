import { expect, test } from "vitest";

import { signatureOf, toSubscribe, toUnsubscribe } from "../support/requests.ts";
import type { Answering } from "../support/peer.ts";
import { openScene, type Scene } from "../support/scene.ts";
import { echo, parameters } from "../support/subscriber.ts";

const short = { "hub.lease_seconds": "300" };
const long = { "hub.lease_seconds": "3000" };

/** What the deliveries were signed with, as far as one of these secrets did it. */
function keys(scene: Scene, ...secrets: string[]): (string | undefined)[] {
  return scene.subscriber.deliveries.map(({ body, headers }) => {
    const signature = headers["x-hub-signature"];
    return signature && secrets.find((secret) => signatureOf(body, secret) === signature);
  });
}

/** Confirms the first verification, and answers all that follow like this. */
function afterTheFirst(answering: Answering): Answering {
  let first = true;
  return (request) => {
    const answer = first ? echo(request) : answering(request);
    first = false;
    return answer;
  };
}

test("§5.1 an active subscription can be asked for again and again: one delivery per update", async () => {
  await using scene = await openScene();
  for (let n = 0; n < 3; n++) await scene.hub.subscribe(scene.topic, scene.callback);
  await scene.update("content");
  expect(scene.subscriber.verifications).toHaveLength(4);
  expect(scene.bodies()).toEqual(["content"]);
});

test("§5.1 a renewal brings a new secret, and none means none", async () => {
  await using scene = await openScene({ asking: { "hub.secret": "old" } });
  await scene.update("1");
  await scene.hub.subscribe(scene.topic, scene.callback, { "hub.secret": "new" });
  await scene.update("2");
  await scene.hub.subscribe(scene.topic, scene.callback);
  await scene.update("3");
  expect(keys(scene, "old", "new")).toEqual(["old", "new", undefined]);
  expect("x-hub-signature" in (scene.subscriber.deliveries[2]?.headers ?? {})).toBe(false);
});

test.each([
  { from: short, to: long, at: 2_999_999, words: "longer" },
  { from: long, to: short, at: 299_999, words: "shorter" },
])("§5.1 a renewal brings a new lease, also a $words one", async ({ from, to, at }) => {
  await using scene = await openScene({ asking: from });
  await scene.hub.subscribe(scene.topic, scene.callback, to);
  scene.hub.clock.advance(at);
  await scene.update("in time");
  scene.hub.clock.advance(1);
  await scene.update("too late");
  expect(scene.bodies()).toEqual(["in time"]);
});

test("§5.1 until a renewal is verified the old secret is in force, and then the new one", async () => {
  const answered = Promise.withResolvers<void>();
  await using scene = await openScene({
    asking: { "hub.secret": "old" },
    verify: afterTheFirst(async (request) => {
      await answered.promise;
      return echo(request);
    }),
  });
  await scene.hub.post(toSubscribe(scene.topic, scene.callback, { "hub.secret": "new" }));
  const verifying = scene.hub.drain();
  await scene.subscriber.seen(2);
  const updating = scene.update("while");
  await scene.subscriber.seen(3);
  answered.resolve();
  await Promise.all([verifying, updating]);
  await scene.update("after");
  expect(keys(scene, "old", "new")).toEqual(["old", "new"]);
});

test.each<[string, Answering]>([
  ["404", () => ({ status: 404 })],
  ["500 to the end", () => ({ status: 500 })],
  ["another challenge", () => ({ body: "nonsense" })],
  ["a redirect", () => ({ status: 302, headers: { location: "/" } })],
])("§5.1 a renewal that is answered %s changes nothing: neither secret nor lease", async (_, answering) => {
  await using scene = await openScene({ asking: { ...short, "hub.secret": "old" }, verify: afterTheFirst(answering) });
  await scene.hub.subscribe(scene.topic, scene.callback, { ...long, "hub.secret": "new" });
  await scene.hub.pass(10_000);
  await scene.hub.pass(60_000);
  scene.hub.clock.advance(229_999);
  await scene.update("in time");
  scene.hub.clock.advance(1);
  await scene.update("too late");
  expect(scene.bodies()).toEqual(["in time"]);
  expect(keys(scene, "old", "new")).toEqual(["old"]);
});

test.each<[string, Answering]>([
  ["404", () => ({ status: 404 })],
  ["500 to the end", () => ({ status: 500 })],
  ["another challenge", () => ({ body: "nonsense" })],
])(
  "§5.1 an unsubscription that is answered %s changes nothing: still subscribed, same secret",
  async (_, answering) => {
    await using scene = await openScene({ asking: { "hub.secret": "old" }, verify: afterTheFirst(answering) });
    await scene.hub.post(toUnsubscribe(scene.topic, scene.callback, { "hub.secret": "new" }));
    await scene.hub.drain();
    await scene.hub.pass(10_000);
    await scene.hub.pass(60_000);
    await scene.update("content");
    expect(keys(scene, "old", "new")).toEqual(["old"]);
  },
);

test("§5.1 a first subscription that fails leaves nothing, and can be asked for again", async () => {
  let willing = false;
  await using scene = await openScene({ verify: (request) => (willing ? echo(request) : { status: 404 }) });
  await scene.update("missed");
  willing = true;
  await scene.hub.subscribe(scene.topic, scene.callback);
  await scene.update("had");
  expect(scene.bodies()).toEqual(["had"]);
});

test("§5.1 a renewal keeps what the subscription is owed, and signs it with the new secret", async () => {
  let works = false;
  await using scene = await openScene({
    asking: { "hub.secret": "old" },
    receive: () => ({ status: works ? 204 : 503 }),
  });
  await scene.update("owed");
  works = true;
  await scene.hub.subscribe(scene.topic, scene.callback, { "hub.secret": "new" });
  await scene.hub.pass(5_000);
  expect(scene.bodies()).toEqual(["owed", "owed"]);
  expect(keys(scene, "old", "new")).toEqual(["old", "new"]);
});

test("§5.1 a renewal is asked with the new lease, and with the topic as it was spelled this time", async () => {
  await using scene = await openScene({ asking: short });
  await scene.hub.subscribe(scene.topic.replace("/feed", "/%66eed"), scene.callback, long);
  const [first, second] = scene.subscriber.verifications.map((request) => parameters(request));
  expect([first?.get("hub.lease_seconds"), first?.get("hub.topic")]).toEqual(["300", scene.topic]);
  expect([second?.get("hub.lease_seconds"), second?.get("hub.topic")]).toEqual([
    "3000",
    scene.topic.replace("/feed", "/%66eed"),
  ]);
});
