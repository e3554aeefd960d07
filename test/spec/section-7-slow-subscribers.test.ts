import { expect, test } from "vitest";

import { attemptsOf } from "../support/attempts.ts";
import { inTurn } from "../support/in-turn.ts";
import type { Answer } from "../support/peer.ts";
import { openScene, type Scene } from "../support/scene.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { until } from "../support/until.ts";

/** After this long an unanswered attempt no longer holds up the rest (DESIGN 5). */
const softDeadlineMs = 2000;
const wallClockMs = 15_000;

/** Answers that the test gives when it likes, in order. */
function heldAnswers(count: number) {
  const held = Array.from({ length: count }, () => Promise.withResolvers<Answer>());
  let next = 0;
  return {
    receive: () => held[next++]?.promise ?? { status: 204 },
    answer: (index: number, status: number) => held[index]?.resolve({ status }),
  };
}

async function publications({ hub, topic }: Scene): Promise<number> {
  return (await hub.store.topics.find(topic))?.lastSeq ?? 0;
}

/** Serves a version, pings, and waits until it is stored; the workers run by themselves. */
async function publish(scene: Scene, body: string): Promise<void> {
  const before = await publications(scene);
  scene.publisher.serve("/feed", { body });
  await scene.hub.post({ "hub.mode": "publish", "hub.url": scene.topic });
  await until(async () => (await publications(scene)) > before);
}

/** Lets the soft deadline pass, so that the attempt under way is on its own from then on. */
async function passSoftDeadline({ hub, topic }: Scene): Promise<void> {
  const topicId = (await hub.store.topics.find(topic))?.id ?? 0;
  hub.clock.advance(softDeadlineMs);
  await until(async () => (await hub.store.fanOuts.progress({ topicId, seq: 1 }))?.behind === 1);
}

test("§7 a subscriber that answers after the soft deadline gets one delivery, not several", async () => {
  const { receive, answer } = heldAnswers(1);
  await using scene = await openScene({ receive, running: true });
  await publish(scene, "one");
  await until(() => scene.bodies().length === 1);
  await passSoftDeadline(scene);
  scene.hub.clock.advance(wallClockMs - softDeadlineMs - 1);
  answer(0, 204);
  await until(async () => (await attemptsOf(scene.hub, scene.topic)).length === 1);

  expect(await attemptsOf(scene.hub, scene.topic)).toMatchObject([{ outcome: "delivered", attempt: 1, status: 204 }]);
  scene.hub.clock.advance(86_400_000);
  await publish(scene, "two");
  await until(() => scene.bodies().includes("two"));
  expect(scene.bodies()).toEqual(["one", "two"]);
});

test("§7 a subscriber that fails after the soft deadline is tried again on the schedule", async () => {
  const { receive, answer } = heldAnswers(1);
  await using scene = await openScene({ receive, running: true });
  await publish(scene, "one");
  await until(() => scene.bodies().length === 1);
  await passSoftDeadline(scene);
  answer(0, 500);
  await until(async () => (await attemptsOf(scene.hub, scene.topic)).length === 1);
  await scene.hub.pass(4999);
  expect(scene.bodies()).toEqual(["one"]);
  await scene.hub.pass(1);
  expect(scene.bodies()).toEqual(["one", "one"]);
  expect(scene.subscriber.deliveries[1]?.headers["carillon-attempt"]).toBe("2");
});

test("§7 a subscriber that never answers is hung up on after 15 s and tried again 5 s later", async () => {
  await using scene = await openScene({ receive: inTurn("hang", 204), running: true });
  await publish(scene, "one");
  await until(() => scene.bodies().length === 1);
  await passSoftDeadline(scene);
  expect(await attemptsOf(scene.hub, scene.topic)).toEqual([]);
  scene.hub.clock.advance(wallClockMs - softDeadlineMs);
  await until(async () => (await attemptsOf(scene.hub, scene.topic)).length === 1);
  const [first] = await attemptsOf(scene.hub, scene.topic);
  expect(first).toMatchObject({ outcome: "failed", attempt: 1, status: undefined, durationMs: wallClockMs });
  expect(first?.reason).toMatch(/^timeout: /);

  await scene.hub.pass(4999);
  expect(scene.bodies()).toEqual(["one"]);
  await scene.hub.pass(1);
  expect(scene.bodies()).toEqual(["one", "one"]);
});

test("§7 a subscriber that never answers holds up neither the others nor the next publication", async () => {
  await using scene = await openScene({ receive: () => "hang", running: true });
  await using other = await openSubscriber();
  await scene.hub.subscribe(scene.topic, other.callback());
  const got = () => other.deliveries.map(({ body }) => body.toString());

  await publish(scene, "one");
  await until(() => scene.bodies().length === 1 && got().length === 1); // no time has passed
  await publish(scene, "two");
  expect(got()).toEqual(["one"]);
  scene.hub.clock.advance(250); // shorter than the soft deadline, since another publication waits
  await until(() => got().length === 2);
  await publish(scene, "three");
  await until(() => got().length === 3);
  expect(got()).toEqual(["one", "two", "three"]);
  expect(scene.bodies()).toEqual(["one"]); // one attempt at a time
});

test("§7 a subscriber that never answers does not hold up other topics", async () => {
  await using scene = await openScene({ receive: () => "hang", running: true });
  await using other = await openSubscriber();
  const topic = scene.publisher.topic("/other");
  scene.publisher.serve("/other", { body: "other" });
  await scene.hub.subscribe(topic, other.callback());
  await publish(scene, "one");
  await until(() => scene.bodies().length === 1);
  await scene.hub.post({ "hub.mode": "publish", "hub.url": topic });
  await other.seen(2);
  expect(other.deliveries.map(({ body }) => body.toString())).toEqual(["other"]);
});

test("§7 a subscription gets one delivery at a time: the next one waits for the answer", async () => {
  const { receive, answer } = heldAnswers(1);
  await using scene = await openScene({ receive, running: true });
  await using other = await openSubscriber();
  await scene.hub.subscribe(scene.topic, other.callback());
  await publish(scene, "one");
  await until(() => scene.bodies().length === 1);
  await publish(scene, "two");
  scene.hub.clock.advance(softDeadlineMs);
  await until(() => other.deliveries.length === 2);
  scene.hub.clock.advance(10_000);
  expect(scene.bodies()).toEqual(["one"]);
  answer(0, 204);
  await until(() => scene.bodies().length === 2);
  expect(scene.bodies()).toEqual(["one", "two"]);
});

test.each([
  { policy: "latest", received: ["one", "four"] },
  { policy: "every", received: ["one", "two", "three", "four"] },
] as const)(
  "§7 a slow subscriber of a topic with the policy $policy receives $received",
  async ({ policy, received }) => {
    const { receive, answer } = heldAnswers(1);
    await using scene = await openScene({ receive, running: true });
    await scene.hub.store.topics.setPolicy(scene.topic, policy);
    await using other = await openSubscriber();
    await scene.hub.subscribe(scene.topic, other.callback());
    await publish(scene, "one");
    await until(() => scene.bodies().length === 1);
    for (const [index, body] of ["two", "three", "four"].entries()) {
      await publish(scene, body);
      scene.hub.clock.advance(softDeadlineMs);
      await until(() => other.deliveries.length === index + 2);
    }
    answer(0, 204);
    await until(() => scene.bodies().at(-1) === "four");
    expect(scene.bodies()).toEqual(received);
  },
);

test("§7 what a subscriber says late to an attempt that was hung up on changes nothing", async () => {
  const { receive, answer } = heldAnswers(1);
  await using scene = await openScene({ receive, running: true });
  await publish(scene, "one");
  await until(() => scene.bodies().length === 1);
  scene.hub.clock.advance(wallClockMs);
  await until(async () => (await attemptsOf(scene.hub, scene.topic)).length === 1);
  answer(0, 410);
  await scene.hub.pass(5000);
  expect(scene.bodies()).toEqual(["one", "one"]);
  expect(await scene.hub.store.subscriptions.find(scene.topic, scene.callback)).toBeDefined();
});

test("§7 who subscribes while a publication is on its way is owed the next one, not that one", async () => {
  await using scene = await openScene({ receive: () => "hang", running: true });
  await using other = await openSubscriber();
  await using late = await openSubscriber();
  await scene.hub.subscribe(scene.topic, other.callback());
  await publish(scene, "one");
  await until(() => scene.bodies().length === 1 && other.deliveries.length === 1);
  await publish(scene, "two"); // stored, but it waits for the first one
  await scene.hub.post({ "hub.mode": "subscribe", "hub.topic": scene.topic, "hub.callback": late.callback() });
  await until(async () => (await scene.hub.store.subscriptions.find(scene.topic, late.callback())) !== undefined);
  scene.hub.clock.advance(softDeadlineMs);
  await until(() => other.deliveries.length === 2);
  await publish(scene, "three");
  await until(() => other.deliveries.length === 3 && late.deliveries.length > 0);
  expect(late.deliveries.map(({ body }) => body.toString())).toEqual(["three"]);
});
