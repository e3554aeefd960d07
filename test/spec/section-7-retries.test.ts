import { expect, test } from "vitest";

import { closedPort } from "../outbound/peers.ts";
import { attemptsOf } from "../support/attempts.ts";
import { openTestHub } from "../support/test-hub.ts";
import { inTurn } from "../support/in-turn.ts";
import { openPublisher } from "../support/publisher.ts";
import { openScene, type Scene } from "../support/scene.ts";
import { openSubscriber } from "../support/subscriber.ts";

/** DESIGN 2.2. The hub under test draws no jitter. */
const schedule = [5, 60, 300, 1800, 7200, 18_000, 36_000];
const weekMs = 7 * 86_400_000;

async function isSubscribed({ hub, topic, callback }: Scene): Promise<boolean> {
  return (await hub.store.subscriptions.find(topic, callback)) !== undefined;
}

async function outcomes({ hub, topic }: Scene): Promise<readonly string[]> {
  return (await attemptsOf(hub, topic)).map(({ outcome }) => outcome);
}

test.each([300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 413, 429, 500, 502, 503, 504])(
  "§7 a %i is a failure: tried again after 5 s, and the subscription stays",
  async (status) => {
    await using scene = await openScene({ receive: inTurn(status, 204) });
    await scene.update("one");
    await scene.hub.pass(4999);
    expect(scene.bodies()).toEqual(["one"]);
    await scene.hub.pass(1);
    expect(scene.bodies()).toEqual(["one", "one"]);
    await scene.hub.pass(weekMs);
    expect(scene.bodies()).toEqual(["one", "one"]);
    expect(await isSubscribed(scene)).toBe(true);
  },
);

test("§7 a failing delivery is tried after 5, 60, 300, 1800, 7200, 18000 and 36000 s, and then given up", async () => {
  await using scene = await openScene({ receive: inTurn(503) });
  await scene.update("one");
  for (const [index, delaySeconds] of schedule.entries()) {
    await scene.hub.pass(delaySeconds * 1000 - 1);
    expect(scene.subscriber.deliveries).toHaveLength(index + 1);
    await scene.hub.pass(1);
    expect(scene.subscriber.deliveries).toHaveLength(index + 2);
  }
  await scene.hub.pass(weekMs);
  expect(scene.subscriber.deliveries).toHaveLength(8);
  expect(await outcomes(scene)).toEqual([...schedule.map(() => "failed"), "given_up"]);
  expect((await attemptsOf(scene.hub, scene.topic)).at(-1)).toMatchObject({
    seq: 1,
    attempt: 8,
    status: 503,
    count: 1,
  });
  expect(await isSubscribed(scene)).toBe(true);
});

test("§7 after giving up, the subscription is tried once per last delay until it answers", async () => {
  const statuses = [503, 503, 503, 503, 204];
  await using scene = await openScene({ receive: inTurn(...statuses), settings: { RETRY_DELAYS_SECONDS: "5" } });
  await scene.update("one");
  await scene.hub.pass(5000);
  expect(await outcomes(scene)).toEqual(["failed", "given_up"]);
  for (const body of ["two", "three"]) await scene.update(body);
  expect(scene.bodies()).toEqual(["one", "one"]);
  await scene.hub.pass(5000);
  expect(scene.bodies()).toEqual(["one", "one", "three"]);
  await scene.update("four");
  await scene.hub.pass(5000);
  await scene.hub.pass(5000);
  expect(scene.bodies()).toEqual(["one", "one", "three", "four", "four"]);
  expect(await outcomes(scene)).toEqual(["failed", "given_up", "failed", "failed", "delivered"]);
  await scene.update("five");
  expect(scene.bodies().at(-1)).toBe("five");
  expect(scene.subscriber.deliveries.at(-1)?.headers["carillon-attempt"]).toBe("1");
});

test("§7 an update that comes long after giving up is tried at once", async () => {
  const settings = { RETRY_DELAYS_SECONDS: "5" };
  await using scene = await openScene({ receive: inTurn(503, 503, 204), settings });
  await scene.update("one");
  await scene.hub.pass(5000);
  await scene.hub.pass(5000);
  await scene.update("two");
  expect(scene.bodies()).toEqual(["one", "one", "two"]);
  expect(scene.subscriber.deliveries.at(-1)?.headers["carillon-attempt"]).toBe("1");
});

test("§7 a retry is the same delivery: same bytes, type, links, signature and id", async () => {
  await using scene = await openScene({ receive: inTurn(500, 404, 503, 204), asking: { "hub.secret": "sesame" } });
  await scene.update({ headers: { "Content-Type": "text/html; charset=utf-8" }, body: "<p>one" });
  for (const delaySeconds of schedule) await scene.hub.pass(delaySeconds * 1000);

  const { deliveries } = scene.subscriber;
  const varying = ["carillon-attempt", "webhook-timestamp", "connection"];
  const same = deliveries.map(({ headers, body }) => [
    body.toString(),
    ...Object.entries(headers).filter(([name]) => !varying.includes(name)),
  ]);
  expect(same).toEqual([same[0], same[0], same[0], same[0]]);
  expect(deliveries[0]?.headers["x-hub-signature"]).toMatch(/^sha256=/);
  expect(deliveries.map(({ headers }) => headers["carillon-attempt"])).toEqual(["1", "2", "3", "4"]);
  const sentAt = deliveries.map(({ headers }) => Number(headers["webhook-timestamp"]));
  expect(sentAt.map((seconds) => seconds - (sentAt[0] ?? 0))).toEqual([0, 5, 65, 365]);
});

test("§7 the delivery after one that was retried has another id", async () => {
  await using scene = await openScene({ receive: inTurn(503, 204) });
  await scene.update("one");
  await scene.hub.pass(5000);
  await scene.update("two");
  const [first, again, second] = scene.subscriber.deliveries.map(({ headers }) => headers["webhook-id"]);
  expect(again).toBe(first);
  expect(second).not.toBe(first);
});

test("§7 a retry is signed with the secret in force when it is made", async () => {
  await using scene = await openScene({ receive: inTurn(503, 204), asking: { "hub.secret": "old" } });
  await scene.update("one");
  await scene.hub.subscribe(scene.topic, scene.callback); // renewed without a secret
  await scene.hub.pass(5000);
  expect(scene.subscriber.deliveries.map(({ headers }) => headers["x-hub-signature"] !== undefined)).toEqual([
    true,
    false,
  ]);
});

test("§7 the operator's CARILLON_RETRY_DELAYS_SECONDS is the schedule", async () => {
  await using scene = await openScene({ receive: inTurn(500), settings: { RETRY_DELAYS_SECONDS: "10,20" } });
  await scene.update("one");
  for (const seconds of [10, 20, 1000]) await scene.hub.pass(seconds * 1000);
  const sentAt = scene.subscriber.deliveries.map(({ headers }) => Number(headers["webhook-timestamp"]));
  expect(sentAt.map((second) => second - (sentAt[0] ?? 0))).toEqual([0, 10, 30]);
});

test.each<{ status: number; asked: string; seconds: number }>([
  { status: 429, asked: "120", seconds: 120 },
  { status: 503, asked: "120", seconds: 120 },
  { status: 503, asked: "Thu, 01 Jan 2026 00:02:00 GMT", seconds: 120 },
  { status: 503, asked: "1", seconds: 5 },
  { status: 429, asked: "Wed, 31 Dec 2025 00:00:00 GMT", seconds: 5 },
  { status: 503, asked: "soon", seconds: 5 },
  { status: 429, asked: "-1", seconds: 5 },
  { status: 429, asked: "31536000", seconds: 3600 },
  { status: 503, asked: "Fri, 01 Jan 2027 00:00:00 GMT", seconds: 3600 },
  { status: 429, asked: "9".repeat(400), seconds: 3600 },
  { status: 500, asked: "120", seconds: 5 },
  { status: 404, asked: "120", seconds: 5 },
])("§7 a $status with Retry-After: $asked is tried again after $seconds s", async ({ status, asked, seconds }) => {
  await using scene = await openScene({ receive: inTurn({ status, headers: { "Retry-After": asked } }, 204) });
  await scene.update("one");
  await scene.hub.pass(seconds * 1000 - 1);
  expect(scene.subscriber.deliveries).toHaveLength(1);
  await scene.hub.pass(1);
  expect(scene.subscriber.deliveries).toHaveLength(2);
});

test("§7 a Retry-After counts for the attempt it answers only", async () => {
  const busy = { status: 503, headers: { "Retry-After": "120" } };
  await using scene = await openScene({ receive: inTurn(busy, 503, 204) });
  await scene.update("one");
  await scene.hub.pass(120_000);
  await scene.hub.pass(59_999);
  expect(scene.subscriber.deliveries).toHaveLength(2);
  await scene.hub.pass(1);
  expect(scene.subscriber.deliveries).toHaveLength(3);
});

test("§7 a redirect is not followed: its target sees nothing", async () => {
  await using target = await openSubscriber();
  const redirects = [301, 302, 303, 307, 308].map((status) => ({ status, headers: { Location: target.callback() } }));
  await using scene = await openScene({ receive: inTurn(...redirects) });
  await scene.update("one");
  for (const delaySeconds of schedule) await scene.hub.pass(delaySeconds * 1000);
  expect(scene.subscriber.deliveries).toHaveLength(8);
  expect(target.deliveries).toEqual([]);
  expect(target.verifications).toEqual([]);
});

test("§7 a callback that refuses connections is tried on the schedule, given up, and tried with the next update after the last delay", async () => {
  await using scene = await openScene();
  await scene.subscriber[Symbol.asyncDispose]();
  await scene.update("one");
  for (const delaySeconds of schedule) await scene.hub.pass(delaySeconds * 1000);
  await scene.update("two");
  await scene.hub.pass(36_000_000);
  const attempts = await attemptsOf(scene.hub, scene.topic);
  expect(attempts.map(({ seq, attempt, outcome }) => `${seq}.${attempt} ${outcome}`)).toEqual([
    ...schedule.map((_, index) => `1.${index + 1} failed`),
    "1.8 given_up",
    "2.9 failed",
  ]);
  expect(attempts[0]?.reason).toMatch(/^refused: /);
  expect(await isSubscribed(scene)).toBe(true);
});

test("§7 a hundred callbacks at a host that refuses connections leave the hub as it was, and most are spared a try", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using healthy = await openSubscriber();
  const topic = publisher.topic("/feed");
  const dead = await openSubscriber();
  for (let index = 0; index < 100; index++) await hub.post(subscription(topic, dead.callback(`/${index}`)));
  await hub.drain();
  await dead[Symbol.asyncDispose]();
  await hub.subscribe(topic, healthy.callback());
  for (const body of ["one", "two"]) {
    publisher.serve("/feed", { body });
    await hub.publish(topic);
  }
  expect(healthy.deliveries.map(({ body }) => body.toString())).toEqual(["one", "two"]);
  const refused = (await attemptsOf(hub, topic)).filter(({ reason }) => reason?.startsWith("refused: "));
  expect(refused.length).toBeGreaterThanOrEqual(10); // as many as the breaker wants to see
  expect(refused.length).toBeLessThan(20);
});

function subscription(topic: string, callback: string): Record<string, string> {
  return { "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback };
}

test("§7 a callback at a port where nobody ever listened is never called, and harms nobody", async () => {
  await using scene = await openScene();
  const response = await scene.hub.post(subscription(scene.topic, `http://127.0.0.1:${await closedPort()}/`));
  expect(response.status).toBe(202);
  await scene.hub.drain();
  await scene.update("one");
  expect(scene.bodies()).toEqual(["one"]);
  expect(await outcomes(scene)).toEqual(["delivered"]);
});
