import { expect, test } from "vitest";

import { claimFetch, changed, subscribe as settleSubscription } from "../conformance/support.ts";
import { inTurn } from "../support/in-turn.ts";
import { openOutage } from "../support/outage.ts";
import { toUnsubscribe } from "../support/requests.ts";
import { openScene, type Scene, type SceneOptions } from "../support/scene.ts";

const second = 1000;
const day = 86_400 * second;
const leaseSeconds = 300;
/** What is under way when a lease ends is settled before the subscription goes. */
const graceSeconds = 30;
const longest = { RETRY_DELAYS_SECONDS: "1000000" }; // more than 7 days

/** What is on record of the only topic's deliveries: `publication.attempt outcome status or reason`. */
async function recordOf({ hub }: Pick<Scene, "hub">): Promise<readonly string[]> {
  const records = await hub.store.attempts.newest(1, 10_000); // also when the hub has forgotten the topic
  return records
    .toReversed()
    .map(
      ({ seq, attempt, count, outcome, status, reason }) =>
        `${seq}.${attempt} ${count > 1 ? `${count} ` : ""}${outcome} ${status ?? reason?.replace(/^refused: .*/, "refused")}`,
    );
}

/** A scene on a topic with the policy `every`. */
async function openEvery(options: SceneOptions): Promise<Scene> {
  const scene = await openScene(options);
  await scene.hub.store.topics.setPolicy(scene.topic, "every");
  return scene;
}

function find({ hub, topic, callback }: Scene) {
  return hub.store.subscriptions.find(topic, callback);
}

function bodyOf({ hub }: Scene, seq: number): Promise<string> {
  return hub.store.publications.load({ topicId: 1, seq }).then(({ body }) => body.toString());
}

test("§7 when the schedule is used up that is on record, and each later update is tried once per last delay, until one is answered", async () => {
  const receive = inTurn(503, 500, 503, 503, 204, 503, 204);
  await using scene = await openScene({ receive, settings: { RETRY_DELAYS_SECONDS: "10,20" } });
  await scene.update("one");
  for (const seconds of [10, 20]) await scene.hub.pass(seconds * second);
  expect(await recordOf(scene)).toEqual(["1.1 failed 503", "1.2 failed 500", "1.3 given_up 503"]);

  await scene.update("two");
  await scene.hub.pass(20 * second - 1);
  expect(scene.bodies()).toHaveLength(3);
  for (const passed of [1, 20 * second - 1]) {
    await scene.hub.pass(passed);
    expect(scene.bodies().slice(3)).toEqual(["two"]);
  }
  await scene.hub.pass(1);
  expect(scene.bodies().slice(3)).toEqual(["two", "two"]); // answered

  await scene.update("three");
  expect(scene.bodies().slice(5)).toEqual(["three"]);
  await scene.hub.pass(10 * second);
  expect(scene.bodies().slice(5)).toEqual(["three", "three"]);
  expect((await recordOf(scene)).slice(3)).toEqual([
    "2.4 failed 503",
    "2.5 delivered 204",
    "3.1 failed 503",
    "3.2 delivered 204",
  ]);
});

test("§7 when no connection could be made, the record of what was given up says so", async () => {
  await using outage = await openOutage({ settings: { RETRY_DELAYS_SECONDS: "10" } });
  await outage.subscribe("/feed", 1);
  outage.down();
  await outage.update("/feed", "one");
  await outage.hub.pass(10 * second);
  expect(await recordOf(outage)).toEqual(["1.1 failed refused", "1.2 given_up refused"]);
});

test("§7 what was given up is not kept", async () => {
  await using scene = await openScene({ receive: inTurn(503), settings: { RETRY_DELAYS_SECONDS: "10" } });
  await scene.update("one");
  expect(await bodyOf(scene, 1)).toBe("one");
  await scene.hub.pass(10 * second);
  await expect(bodyOf(scene, 1)).rejects.toMatchObject({ code: "not_found" });
});

test("§7 what was owed for 7 days is given up, on record with its number and the reason, and no longer kept", async () => {
  await using scene = await openEvery({ receive: inTurn(503, 204), settings: longest });
  const { hub } = scene;
  for (const body of ["one", "two", "three"]) await scene.update(body);
  await hub.pass(3 * day);
  await scene.update("four");
  await hub.pass(4 * day);
  expect(await recordOf(scene)).toEqual(["1.1 failed 503"]);
  expect(await Promise.all([1, 2, 3, 4].map((seq) => bodyOf(scene, seq)))).toEqual(["one", "two", "three", "four"]);
  await hub.pass(1);
  expect(await recordOf(scene)).toEqual(["1.1 failed 503", "3.1 3 given_up it was owed for 7 days"]);
  for (const seq of [1, 2, 3]) await expect(bodyOf(scene, seq)).rejects.toMatchObject({ code: "not_found" });

  await hub.subscribe(scene.topic, scene.callback); // a lease is ten days
  await hub.pass(3 * day);
  expect((await recordOf(scene)).slice(2)).toEqual(["4.1 given_up it was owed for 7 days"]);
  expect(await find(scene)).toBeDefined();
});

test("§7 what became of the rest after 7 days: tried when it would have been, if it is younger", async () => {
  await using scene = await openEvery({ receive: inTurn(503, 204), settings: { RETRY_DELAYS_SECONDS: "691200" } }); // 8 days
  await scene.update("one");
  await scene.hub.pass(3 * day);
  await scene.update("two");
  await scene.hub.pass(5 * day - 1);
  expect(scene.bodies()).toEqual(["one"]);
  await scene.hub.pass(1);
  expect(scene.bodies()).toEqual(["one", "two"]);
  expect(await recordOf(scene)).toEqual(["1.1 failed 503", "1.1 given_up it was owed for 7 days", "2.2 delivered 204"]);
});

test("§7 on a latest topic nothing but the newest is owed, so nothing else is given up", async () => {
  await using scene = await openScene({ receive: inTurn(503), settings: longest });
  for (const body of ["one", "two", "three"]) await scene.update(body);
  await scene.hub.pass(7 * day + 1);
  expect(await recordOf(scene)).toEqual(["1.1 failed 503", "3.1 given_up it was owed for 7 days"]);
});

test("§7 what was owed for 7 days to a shut host is given up too, and the host is then not shut any more", async () => {
  await using outage = await openOutage({ settings: longest });
  const { hub } = outage;
  await outage.subscribe("/feed", 20);
  await outage.shut("/feed", "one");
  for (let hours = 0; hours < 7 * 24; hours += 1) await hub.pass(day / 24);
  const givenUp = async () => (await recordOf(outage)).filter((record) => record.includes("given_up"));
  expect(await givenUp()).toEqual([]);
  await hub.pass(day / 24);
  expect(await givenUp()).toHaveLength(20);
  await hub.pass(day / 24);
  expect(await hub.store.hosts.listShut()).toEqual([]);
});

test("§7 what is owed when the lease ends is given up, on record with its number and the reason", async () => {
  const asking = { "hub.lease_seconds": String(leaseSeconds) };
  await using scene = await openEvery({ receive: inTurn(503), settings: longest, asking });
  for (const body of ["one", "two"]) await scene.update(body);
  await scene.hub.pass(leaseSeconds * second - 1);
  expect(await recordOf(scene)).toEqual(["1.1 failed 503"]);
  await scene.hub.pass(1 + graceSeconds * second);
  expect(await recordOf(scene)).toEqual(["1.1 failed 503", "2.1 2 given_up the lease ended"]);
  expect(await find(scene)).toBeUndefined();
  await scene.hub.pass(8 * day);
  expect(await recordOf(scene)).toHaveLength(2);
});

test("§7 who subscribes anew after the lease ended begins anew: what was owed before is given up, on record", async () => {
  const asking = { "hub.lease_seconds": String(leaseSeconds) };
  await using scene = await openScene({ receive: inTurn(503, 204), settings: longest, asking });
  const { hub, topic, callback } = scene;
  await scene.update("one");
  hub.clock.advance(leaseSeconds * second);
  await settleSubscription(hub.store, { topic, callback }, hub.clock.now()); // verified before anybody tidies up
  await scene.update("two");
  expect(scene.bodies()).toEqual(["one", "two"]);
  expect(await recordOf(scene)).toEqual(["1.1 failed 503", "1.1 given_up the lease ended", "2.1 delivered 204"]);
});

/** A publication is stored, and then the process ends: before any of it is sent, or with a chunk cut. */
async function openStopped(stage: "uncut" | "cut"): Promise<Scene> {
  const scene = await openScene({ asking: { "hub.lease_seconds": String(leaseSeconds) } });
  const { hub, topic } = scene;
  const now = hub.clock.now();
  await hub.store.topics.ping([topic], 0, now);
  await hub.store.topics.settleFetch(await claimFetch(hub.store, now), changed("one"), 0, now);
  if (stage === "cut") await hub.store.fanOuts.claimChunk(now);
  await hub.restart();
  return scene;
}

test.each([
  { stage: "uncut", first: "the fan-out" },
  { stage: "uncut", first: "the end of the lease" },
  { stage: "cut", first: "the fan-out" },
  { stage: "cut", first: "the end of the lease" },
] as const)(
  "§7 a publication that is $stage when a process ends, and a lease that ends meanwhile: given up, on record once, $first being first",
  async ({ stage, first }) => {
    await using scene = await openStopped(stage);
    const { hub } = scene;
    hub.clock.advance(leaseSeconds * second);
    if (first === "the end of the lease") await hub.store.subscriptions.endLapsed(hub.clock.now(), 10);
    await hub.drain();
    expect(await recordOf(scene)).toEqual(["1.0 given_up the lease ended"]);
    expect(scene.bodies()).toEqual([]);
    await expect(bodyOf(scene, 1)).rejects.toMatchObject({ code: "not_found" });
  },
);

test.each(["uncut", "cut"] as const)(
  "§7 a publication that is %s when a process ends, and a lease that does not: delivered",
  async (stage) => {
    await using scene = await openStopped(stage);
    await scene.hub.pass(leaseSeconds * second - 1);
    expect(await recordOf(scene)).toEqual(["1.1 delivered 204"]);
    await scene.hub.pass(8 * day);
    expect(await recordOf(scene)).toEqual(["1.1 delivered 204"]);
  },
);

test.each<{ what: string; end: (scene: Scene) => Promise<unknown>; last?: string }>([
  { what: "a 410", end: ({ hub }) => hub.pass(5 * second), last: "1.2 gone 410" },
  { what: "the operator", end: ({ hub, topic, callback }) => hub.store.subscriptions.remove(topic, callback) },
  { what: "an unsubscription", end: ({ hub, topic, callback }) => hub.post(toUnsubscribe(topic, callback)) },
])("§7 what $what ends is not given up: nothing is owed any more", async ({ end, last }) => {
  await using scene = await openEvery({ receive: inTurn(503, 410) });
  for (const body of ["one", "two", "three"]) await scene.update(body);
  await end(scene);
  await scene.hub.drain();
  expect(await find(scene)).toBeUndefined();
  await scene.hub.pass(11 * day);
  expect(await recordOf(scene)).toEqual(["1.1 failed 503", ...(last === undefined ? [] : [last])]);
});
