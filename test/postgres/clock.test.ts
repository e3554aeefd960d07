import { expect, test } from "vitest";

import { inTurn } from "../support/in-turn.ts";
import { toSubscribe } from "../support/requests.ts";
import { openScene } from "../support/scene.ts";
import { openTestDatabase } from "../support/test-database.ts";

const second = 1000;
const year = 365 * 86_400 * second;
const asking = { "hub.lease_seconds": "600" };

test("§5.3.1 in PostgreSQL, the clock jumps a year ahead, then the hub is away for one: leases last as long as before", async () => {
  await using database = await openTestDatabase();
  await using scene = await openScene({ database, asking, receive: inTurn(503, 204, 204, 204) });
  const { hub, topic, callback } = scene;
  const find = () => hub.store.subscriptions.find(topic, callback);
  await scene.update("owed");
  hub.clock.jump(year);
  await hub.drain();
  expect(scene.bodies()).toEqual(["owed", "owed"]);
  const before = await find();
  await hub.post(toSubscribe(topic, callback, asking));
  await hub.drain();
  expect(await find()).toMatchObject({ id: before?.id, verifiedAt: hub.clock.now() });

  hub.clock.jump(year);
  await hub.restart();
  await hub.pass(599 * second);
  await scene.update("at the end");
  expect(scene.bodies()).toEqual(["owed", "owed", "at the end"]);
});
