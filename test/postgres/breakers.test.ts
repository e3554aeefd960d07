import { expect, test } from "vitest";

import { callbacksAt, subscribeAll } from "../support/crowd.ts";
import { Names, openNamedSubscriber } from "../support/named-subscriber.ts";
import { openPublisher } from "../support/publisher.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { openTestHub } from "../support/test-hub.ts";

const upkeepMs = 5000;

test("§7 a host that one node has found dead is left alone by the others too, and served by them once it is back", async () => {
  await using database = await openTestDatabase();
  const names = new Names();
  await using hub = await openTestHub({ database, resolve: names.resolve });
  await using another = await openTestHub({ database, resolve: names.resolve });
  await using publisher = await openPublisher();
  await using host = await openNamedSubscriber("shaky.example");
  const [first, second] = [publisher.topic("/1"), publisher.topic("/2")];
  await subscribeAll(hub, first, callbacksAt(host, 15));
  await subscribeAll(hub, second, callbacksAt(host, 15, "second"));
  names.down.add("shaky.example");
  publisher.serve("/1", { body: "one" });
  publisher.serve("/2", { body: "two" });
  await hub.publish(first);
  expect(await another.store.hosts.listShut()).toHaveLength(1);

  await another.pass(upkeepMs);
  const tries = names.asked("shaky.example");
  await another.publish(second);
  expect(names.asked("shaky.example")).toBe(tries);

  names.down.delete("shaky.example");
  await hub.pass(30_000);
  expect(await another.store.hosts.listShut()).toEqual([]);
  await another.pass(30_000);
  publisher.serve("/2", { body: "three" });
  await another.publish(second);
  const bodies = host.deliveries.map(({ body }) => String(body));
  expect(bodies.filter((body) => body === "one")).toHaveLength(15);
  expect(bodies.filter((body) => body === "three")).toHaveLength(15);
});
