import { setImmediate } from "node:timers/promises";

import { expect, test } from "vitest";

import { callbacksAt, subscribeAll } from "./support/crowd.ts";
import { inTurn } from "./support/in-turn.ts";
import { openPublisher } from "./support/publisher.ts";
import { toSubscribe } from "./support/requests.ts";
import { openScene, type Scene } from "./support/scene.ts";
import { echo, openSubscriber } from "./support/subscriber.ts";
import { openTestHub } from "./support/test-hub.ts";

// Promise D: leases end when their time is over, whatever becomes of the machine's clock. Decision 0018.

const second = 1000;
const hour = 3600 * second;
const day = 24 * hour;
const year = 365 * day;
const leaseSeconds = 600;
/** A subscription whose lease is over goes so long after it. */
const graceMs = 30 * second;

const leased = { asking: { "hub.lease_seconds": String(leaseSeconds) } };
const jumps = [
  { of: "an hour", ms: hour },
  { of: "a day", ms: day },
  { of: "a year", ms: year },
];
const shortAndLong = jumps.filter(({ ms }) => ms !== day);

function find({ hub, topic, callback }: Scene) {
  return hub.store.subscriptions.find(topic, callback);
}

/** What the scene's subscription, whose lease has just begun, is served until that is over, and afterwards. */
async function liveThroughLease(scene: Scene) {
  await scene.update("at once");
  await scene.hub.pass((leaseSeconds - 1) * second);
  await scene.update("at the end");
  await scene.hub.pass(second);
  await scene.update("too late");
  await scene.hub.pass(graceMs);
  return { bodies: scene.bodies(), left: await find(scene) };
}

const wholeLease = { bodies: ["at once", "at the end"], left: undefined };

test.each(jumps)(
  "§5.3.1 the clock jumps $of ahead while the hub runs: leases last as long as before",
  async ({ ms }) => {
    await using scene = await openScene(leased);
    scene.hub.clock.jump(ms);
    expect(await liveThroughLease(scene)).toEqual(wholeLease);
  },
);

test.each(shortAndLong)(
  "§5.3.1 the hub is away for $of, or the clock says so: leases last as long as before",
  async ({ ms }) => {
    await using scene = await openScene(leased);
    scene.hub.clock.jump(ms);
    await scene.hub.restart();
    expect(await liveThroughLease(scene)).toEqual(wholeLease);
  },
);

test("§5.3.1 one jump after the other, with restarts between them: leases last as long as before", async () => {
  await using scene = await openScene(leased);
  for (const { ms } of jumps) {
    scene.hub.clock.jump(ms);
    await scene.hub.drain();
    await scene.hub.restart();
  }
  expect(await liveThroughLease(scene)).toEqual(wholeLease);
});

test("§5.3.1 the process is stopped for a day: leases last as long as before", async () => {
  await using scene = await openScene(leased);
  scene.hub.clock.standStill(day);
  expect(await liveThroughLease(scene)).toEqual(wholeLease);
});

test("§5.3.1 a hub that ends right after a jump, and has told that it is ready, has not forgotten it: leases last as long as before", async () => {
  await using scene = await openScene(leased);
  scene.hub.clock.jump(day);
  expect((await fetch(new URL("/readyz", scene.hub.url))).status).toBe(200);
  await scene.hub.restart();
  expect(await liveThroughLease(scene)).toEqual(wholeLease);
});

test("§5.3.1 a jump is made up for as long as leases may last that were granted before it, and no longer", async () => {
  const settings = { LEASE_MAX_SECONDS: String(leaseSeconds) };
  await using scene = await openScene({ ...leased, settings });
  scene.hub.clock.jump(day);
  const renewed = toSubscribe(scene.topic, scene.callback, leased.asking);
  expect((await scene.hub.post(renewed)).status).toBe(202);
  await scene.hub.drain();
  await scene.hub.pass(leaseSeconds * second + 1);
  await scene.update("too late");
  expect(scene.bodies()).toEqual([]);
});

test("§5.3.1 a renewal that comes after a jump of the clock renews: the subscription goes on, with what it is owed", async () => {
  await using scene = await openScene({ ...leased, receive: inTurn(503, 204) });
  await scene.update("owed");
  const before = await find(scene);
  scene.hub.clock.jump(year);
  await scene.hub.post(toSubscribe(scene.topic, scene.callback, leased.asking));
  await scene.hub.drain();
  expect(await find(scene)).toMatchObject({ id: before?.id, verifiedAt: scene.hub.clock.now() });
  expect(scene.bodies()).toEqual(["owed", "owed"]);
});

test("§7 a jump of 8 days gives up nothing that is owed: the 7 days are the hub's own", async () => {
  let status = 503;
  await using scene = await openScene({
    receive: () => ({ status }),
    settings: { RETRY_DELAYS_SECONDS: "1000000" },
  });
  await scene.update("owed");
  scene.hub.clock.jump(8 * day);
  await scene.hub.drain();
  status = 204;
  await scene.hub.pass(4 * day);
  expect(scene.bodies()).toEqual(["owed", "owed"]);
  expect((await scene.hub.store.attempts.newest(1, 10)).map(({ outcome }) => outcome)).toEqual(["delivered", "failed"]);
});

test("§7 a jump of 8 days gives up nothing either where leases are so short that they need no more grace", async () => {
  const settings = { LEASE_MAX_SECONDS: String(leaseSeconds), RETRY_DELAYS_SECONDS: "1000000" };
  await using scene = await openScene({ ...leased, receive: () => ({ status: 503 }), settings });
  const { hub } = scene;
  await scene.update("owed");
  hub.clock.jump(8 * day);
  await hub.drain();
  for (let renewals = 0; renewals < 2; renewals += 1) {
    await hub.pass((leaseSeconds / 2 + 1) * second);
    await hub.subscribe(scene.topic, scene.callback, leased.asking);
  }
  await hub.restart();
  await hub.drain();
  expect((await hub.store.attempts.newest(1, 10)).map(({ outcome }) => outcome)).toEqual(["failed"]);
});

test("§7 a jump of a year, seen to be wrong and taken back, has forgotten nothing of the delivery log", async () => {
  await using scene = await openScene();
  await scene.update("content");
  for (const ms of [year, -year]) {
    scene.hub.clock.jump(ms);
    await scene.hub.pass(hour);
  }
  expect(await scene.hub.store.attempts.newest(1, 10)).toHaveLength(1);
});

test("§7 a jump makes all that waits due at once: it is sent at the pace of its host, each once, and then by the schedule", async () => {
  const count = 60;
  let open = 0;
  let most = 0;
  await using hub = await openTestHub({ settings: { HOST_CONCURRENCY: "16" } });
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber({
    async receive() {
      most = Math.max(most, (open += 1));
      await setImmediate();
      open -= 1;
      return { status: 500 };
    },
  });
  publisher.serve("/feed", { body: "content" });
  const topic = publisher.topic("/feed");
  await subscribeAll(hub, topic, callbacksAt(subscriber, count));
  await hub.publish(topic);
  expect(subscriber.deliveries).toHaveLength(count);

  most = 0;
  hub.clock.jump(day);
  await hub.drain();
  expect(subscriber.deliveries).toHaveLength(2 * count);
  expect(most).toBeLessThanOrEqual(16);
  await hub.pass(59 * second);
  expect(subscriber.deliveries).toHaveLength(2 * count);
  await hub.pass(second);
  expect(subscriber.deliveries).toHaveLength(3 * count);
});

const setBack = shortAndLong.flatMap(({ of, ms }) => [
  { of, ms, when: "while the hub runs", restarts: false },
  { of, ms, when: "while it is away", restarts: true },
]);

test.each(setBack)(
  "§7 the clock is set back by $of $when: retries, verifications and fetches come in time",
  async ({ ms, restarts }) => {
    const verify = inTurn(500, 500, 500);
    await using scene = await openScene({ receive: inTurn(503, 204) });
    await using another = await openSubscriber({
      verify: (request) => (scene.bodies().length < 2 ? verify(request) : echo(request)),
    });
    const { hub, publisher } = scene;
    await scene.update("one");
    await hub.post(toSubscribe(scene.topic, another.callback()));
    await hub.drain();
    hub.clock.jump(-ms);
    if (restarts) await hub.restart();
    const fetches = publisher.fetches.length;
    await hub.drain();
    expect(scene.bodies()).toEqual(["one"]);

    // A ninth longer than the 5 s and the 10 s of the schedules.
    await hub.pass(5600);
    expect(scene.bodies()).toEqual(["one", "one"]);
    await hub.pass(5600);
    expect(another.verifications).toHaveLength(2);
    await scene.update("two");
    expect(publisher.fetches).toHaveLength(fetches + 1);
    expect([...scene.bodies(), ...another.deliveries.map(({ body }) => body.toString())]).toEqual([
      "one",
      "one",
      "two",
      "two",
    ]);
    expect(Number(another.deliveries[0]?.headers["webhook-timestamp"])).toBe(
      Math.floor(hub.clock.now().getTime() / second),
    );
  },
);

test("§5.3.1 the clock is set back by a day: leases last a ninth longer at most, until the hub's time has been caught up with", async () => {
  await using scene = await openScene(leased);
  scene.hub.clock.jump(-day);
  await scene.hub.drain();
  await scene.hub.pass((leaseSeconds * second) / 0.9 + second);
  await scene.update("too late");
  expect(scene.bodies()).toEqual([]);
});
