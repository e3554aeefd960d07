import { expect, test } from "vitest";

import { signatureOf, toSubscribe } from "../support/requests.ts";
import { openScene, type Scene } from "../support/scene.ts";
import { echo, openSubscriber, parameters, type Subscriber } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";

const topic = "http://127.0.0.1:2/feed";
const day = 86_400_000;

function leases(subscriber: Subscriber): (string | null)[] {
  return subscriber.verifications.map((request) => parameters(request).get("hub.lease_seconds"));
}

/** Asks for leases of these lengths, one after the other, and says what was offered. */
async function offered(asked: readonly string[], settings: Readonly<Record<string, string>> = {}) {
  await using hub = await openTestHub({ settings });
  await using subscriber = await openSubscriber();
  await hub.subscribe(topic, subscriber.callback("/default"));
  for (const [n, lease] of asked.entries()) {
    await hub.subscribe(topic, subscriber.callback(`/${n}`), { "hub.lease_seconds": lease });
  }
  return leases(subscriber);
}

test("§5.3.1 without hub.lease_seconds the lease is 10 days; an empty one is none", async () => {
  expect(await offered([""])).toEqual(["864000", "864000"]);
});

test("§5.3.1 the lease asked for is granted within 5 minutes and 30 days, and clamped silently beyond", async () => {
  const asked = ["1", "299", "300", "86400", "2592000", "2592001", "3000000000"];
  expect((await offered(asked)).slice(1)).toEqual(["300", "300", "300", "86400", "2592000", "2592000", "2592000"]);
});

test("§5.3.1 any number of digits is a number: the lease stays sane", async () => {
  const asked = ["99999999999999999999999", "9".repeat(1000), `${"0".repeat(50)}86400`];
  expect((await offered(asked)).slice(1)).toEqual(["2592000", "2592000", "86400"]);
});

test("§5.3.1 the operator sets the bounds and the default", async () => {
  const settings = { LEASE_MIN_SECONDS: "10", LEASE_DEFAULT_SECONDS: "20", LEASE_MAX_SECONDS: "30" };
  expect(await offered(["9", "15", "31"], settings)).toEqual(["20", "10", "15", "30"]);
});

test("§5.3.1 a lease is enforced: deliveries until it ends, nothing after", async () => {
  await using scene = await openScene({ asking: { "hub.lease_seconds": "300" } });
  scene.hub.clock.advance(299_999);
  await scene.update("in time");
  scene.hub.clock.advance(1);
  await scene.update("too late");
  expect(scene.bodies()).toEqual(["in time"]);
});

test("§5.3.1 no subscription is perpetual, whatever was asked for", async () => {
  await using scene = await openScene({ asking: { "hub.lease_seconds": "9".repeat(30) } });
  scene.hub.clock.advance(30 * day - 1);
  await scene.update("in time");
  scene.hub.clock.advance(1);
  await scene.update("too late");
  expect(scene.bodies()).toEqual(["in time"]);
});

test("§5.3.1 nothing comes to a callback at the end of its lease: no reconfirmation, no notice", async () => {
  await using scene = await openScene();
  await scene.hub.pass(10 * day - 1);
  await scene.hub.pass(1);
  await scene.hub.pass(day);
  expect(scene.subscriber.verifications).toHaveLength(1);
  expect(scene.subscriber.deliveries).toEqual([]);
});

test("§5.3.1 the end of a lease ends what is owed: a delivery that failed is not tried again after it", async () => {
  let works = false;
  await using scene = await openScene({
    asking: { "hub.lease_seconds": "300" },
    receive: () => ({ status: works ? 204 : 503 }),
  });
  scene.hub.clock.advance(299_000);
  await scene.update("content");
  works = true;
  for (const ms of [5_000, 60_000, 300_000]) await scene.hub.pass(ms);
  expect(scene.bodies()).toEqual(["content"]);
});

test("§5.3.1 the lease counts from the verification request, not from the request before or the answer after it", async () => {
  await using scene = await openScene({ asking: { "hub.secret": "other" } });
  const asked = Promise.withResolvers<void>();
  await using subscriber = await openSubscriber({
    verify: async (request) => {
      await asked.promise;
      return echo(request);
    },
  });
  const form = toSubscribe(scene.topic, subscriber.callback(), { "hub.lease_seconds": "300" });

  await scene.hub.post(form);
  scene.hub.clock.advance(20_000);
  const draining = scene.hub.drain();
  await subscriber.seen(1); // asked at 20 s
  scene.hub.clock.advance(5_000);
  asked.resolve();
  await draining; // answered at 25 s
  scene.hub.clock.advance(294_999);
  await scene.update("at 319.999 s");
  scene.hub.clock.advance(1);
  await scene.update("at 320 s");

  expect(subscriber.deliveries.map(({ body }) => String(body))).toEqual(["at 319.999 s"]);
  expect(scene.bodies()).toEqual(["at 319.999 s", "at 320 s"]);
});

test("§5.3.1 a lease that is verified at the second try counts from that try", async () => {
  let tries = 0;
  await using scene = await openScene({
    asking: { "hub.lease_seconds": "300" },
    verify: (request) => (++tries === 1 ? { status: 503 } : echo(request)),
  });
  await scene.hub.pass(10_000);
  scene.hub.clock.advance(299_999);
  await scene.update("at 309.999 s");
  scene.hub.clock.advance(1);
  await scene.update("at 310 s");
  expect(scene.bodies()).toEqual(["at 309.999 s"]);
});

test("§5.3.1 a restart keeps subscriptions, their secrets and the ends of their leases", async () => {
  await using scene = await openScene({ asking: { "hub.lease_seconds": "300", "hub.secret": "s3cret" } });
  await scene.hub.restart();
  expect(await tryLease(scene)).toEqual([["in time", signatureOf("in time", "s3cret")]]);
});

test("§5.3.1 a restart does not lose who is still being verified, nor the lease that was asked for", async () => {
  await using scene = await openScene();
  const form = toSubscribe(scene.topic, scene.callback, { "hub.lease_seconds": "300", "hub.secret": "s3cret" });
  await scene.hub.post(form);
  await scene.hub.restart();
  await scene.hub.drain();
  expect(leases(scene.subscriber)).toEqual(["864000", "300"]);
  expect(await tryLease(scene)).toEqual([["in time", signatureOf("in time", "s3cret")]]);
});

test("§5.3.1 who subscribes again after the end of the lease gets what is published from then on", async () => {
  await using scene = await openScene({ asking: { "hub.lease_seconds": "300" } });
  scene.hub.clock.advance(300_000);
  await scene.update("missed");
  await scene.hub.subscribe(scene.topic, scene.callback);
  await scene.update("had");
  expect(scene.bodies()).toEqual(["had"]);
});

/** Updates just before and just after 300 s from now, and what comes of them, with its signature. */
async function tryLease(scene: Scene): Promise<readonly (readonly [string, string | undefined])[]> {
  scene.hub.clock.advance(299_999);
  await scene.update("in time");
  scene.hub.clock.advance(1);
  await scene.update("too late");
  return scene.subscriber.deliveries.map(({ body, headers }) => [String(body), headers["x-hub-signature"]]);
}
