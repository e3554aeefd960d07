import { expect, test } from "vitest";

import { attemptsOf } from "../support/attempts.ts";
import { inTurn } from "../support/in-turn.ts";
import type { Answer } from "../support/peer.ts";
import { openScene, type Scene } from "../support/scene.ts";
import { until } from "../support/until.ts";

const weekMs = 7 * 86_400_000;

function find({ hub, topic, callback }: Scene) {
  return hub.store.subscriptions.find(topic, callback);
}

test("§7 a 410 ends the subscription", async () => {
  await using scene = await openScene({ receive: inTurn(410, 204) });
  await scene.update("one");
  expect(await find(scene)).toBeUndefined();
  await scene.hub.pass(weekMs);
  await scene.update("two");
  expect(scene.bodies()).toEqual(["one"]);
});

test("§7 a 410 to a retry ends the subscription", async () => {
  await using scene = await openScene({ receive: inTurn(503, 410, 204) });
  await scene.update("one");
  await scene.hub.pass(5000);
  expect(await find(scene)).toBeUndefined();
  expect((await attemptsOf(scene.hub, scene.topic)).map(({ outcome }) => outcome)).toEqual(["failed", "gone"]);
  await scene.hub.pass(weekMs);
  await scene.update("two");
  expect(scene.bodies()).toEqual(["one", "one"]);
});

test("§7 a 410 ends that subscription only", async () => {
  await using scene = await openScene({ receive: ({ target }) => ({ status: target === "/gone" ? 410 : 204 }) });
  await scene.hub.subscribe(scene.topic, scene.subscriber.callback("/gone"));
  await scene.update("one");
  await scene.update("two");
  const got = (path: string) => scene.subscriber.deliveries.filter(({ target }) => target === path).length;
  expect([got("/gone"), got("/callback")]).toEqual([1, 2]);
});

test("§7 a callback that answered 410 can be subscribed anew", async () => {
  await using scene = await openScene({ receive: inTurn(410, 204) });
  await scene.update("one");
  await scene.hub.subscribe(scene.topic, scene.callback);
  await scene.update("two");
  expect(scene.bodies()).toEqual(["one", "two"]);
});

test("§7 a 410 does not end a subscription that was renewed after the attempt began: it is tried again", async () => {
  const held = Promise.withResolvers<Answer>();
  const answers = [held.promise, { status: 204 }];
  await using scene = await openScene({ receive: () => answers.shift() ?? { status: 204 } });
  const publishing = scene.update("one");
  await until(() => scene.subscriber.deliveries.length === 1);

  scene.hub.clock.advance(100);
  const renewedAt = scene.hub.clock.now();
  const renewing = scene.hub.subscribe(scene.topic, scene.callback);
  await until(async () => (await find(scene))?.verifiedAt.getTime() === renewedAt.getTime());
  held.resolve({ status: 410 });
  await Promise.all([publishing, renewing]);

  expect(await find(scene)).toBeDefined();
  await scene.hub.pass(5000);
  expect(scene.bodies()).toEqual(["one", "one"]);
});

test("§7 after an unsubscription was verified, a failed delivery is not tried again", async () => {
  await using scene = await openScene({ receive: inTurn(503) });
  await scene.update("one");
  await scene.hub.post({ "hub.mode": "unsubscribe", "hub.topic": scene.topic, "hub.callback": scene.callback });
  await scene.hub.drain();
  await scene.hub.pass(weekMs);
  expect(scene.bodies()).toEqual(["one"]);
});

test("§7 after the lease is over, a failed delivery is not tried again", async () => {
  await using scene = await openScene({ receive: inTurn(503), asking: { "hub.lease_seconds": "300" } });
  await scene.update("one");
  await scene.hub.pass(5000);
  await scene.hub.pass(60_000);
  expect(scene.bodies()).toHaveLength(3);
  await scene.hub.pass(300_000);
  expect(scene.bodies()).toHaveLength(3);
});

test("§7 no number of failures ends a subscription before its lease", async () => {
  await using scene = await openScene({ receive: inTurn(404), settings: { RETRY_DELAYS_SECONDS: "1" } });
  for (let version = 1; version <= 20; version++) {
    await scene.update(`${version}`);
    await scene.hub.pass(1000);
  }
  expect(scene.bodies()).toHaveLength(21); // once more than there were delays: each later update is one try
  expect(await find(scene)).toBeDefined();
});
