import { setTimeout } from "node:timers/promises";

import { expect, test } from "vitest";

import { type HubProcess, startHubProcess } from "../support/hub-process.ts";
import { openHoldingSubscriber } from "../support/holding-subscriber.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestDatabase, type TestDatabase } from "../support/test-database.ts";
import { openTestHub } from "../support/test-hub.ts";
import { until } from "../support/until.ts";

test("a hub on PostgreSQL: subscribe, publish, restart, unsubscribe", async () => {
  await using database = await openTestDatabase();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  await using hub = await openTestHub({ database });
  const topic = publisher.topic("/feed");
  await hub.subscribe(topic, subscriber.callback(), { "hub.secret": "a secret" });
  publisher.serve("/feed", { body: "one" });
  await hub.publish(topic);
  await hub.restart();
  publisher.serve("/feed", { body: "two" });
  await hub.publish(topic);
  expect(subscriber.deliveries.map(({ body }) => String(body))).toEqual(["one", "two"]);
  expect(subscriber.deliveries[1]?.headers["x-hub-signature"]).toMatch(/^sha256=/);
  await hub.post({ "hub.mode": "unsubscribe", "hub.topic": topic, "hub.callback": subscriber.callback() });
  await hub.drain();
  publisher.serve("/feed", { body: "three" });
  await hub.publish(topic);
  expect(subscriber.deliveries).toHaveLength(2);
});

test("two processes share a fan-out; one is killed with -9, and the other goes on to the end, in order", async () => {
  const count = 1500;
  await using database = await openTestDatabase();
  await using publisher = await openPublisher();
  const half = Promise.withResolvers<void>();
  let delivered = 0;
  await using subscriber = await openSubscriber({
    async receive() {
      delivered += 1;
      if (delivered === count / 2) half.resolve();
      await setTimeout(20);
      return { status: 204 };
    },
  });
  publisher.serve("/feed", { body: "one" });
  const topic = publisher.topic("/feed");
  const settings = { DATABASE_URL: database.url, LOG_LEVEL: "silent", FETCH_MIN_INTERVAL_SECONDS: "0" };
  const [first, second] = await Promise.all([startHubProcess(settings), startHubProcess(settings)]);
  await post(first, { "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": subscriber.callback("/0") });
  await untilCounted(database, "SELECT count(*)::int AS count FROM subscriptions", 1);
  await subscribeMore(database, subscriber.callback("/"), count);
  await post(first, { "hub.mode": "publish", "hub.url": topic });
  await half.promise;
  await first.end("SIGKILL");
  publisher.serve("/feed", { body: "two" });
  await post(second, { "hub.mode": "publish", "hub.url": topic });
  await endLeasesOfTheDead(database);
  await untilCounted(database, "SELECT count(*)::int AS count FROM fan_outs WHERE done AND seq = 2", 1);
  await untilCounted(database, "SELECT count(*)::int AS count FROM behind", 0);
  expect(await second.end("SIGTERM")).toBe(0);

  const byPath = Map.groupBy(subscriber.deliveries, ({ target }) => target);
  expect(byPath.size).toBe(count);
  for (const deliveries of byPath.values()) {
    const bodies = deliveries.map(({ body }) => String(body));
    expect(bodies).toEqual(bodies.toSorted()); // "one" before "two"
    expect(bodies).toContain("two");
    const ids = deliveries.map(({ headers, body }) => `${headers["webhook-id"]} ${body.toString()}`);
    expect(new Set(ids).size).toBe(new Set(bodies).size);
  }
});

async function post(hub: HubProcess, form: Readonly<Record<string, string>>): Promise<void> {
  const { status } = await fetch(hub.url, { method: "POST", body: new URLSearchParams(form) });
  if (status >= 300) throw new Error(`${status}`);
}

/** As if each had asked and been verified. */
async function subscribeMore({ connection }: TestDatabase, prefix: string, count: number): Promise<void> {
  await connection.query({
    text: `INSERT INTO subscriptions (topic_id, first_seq, callback, verified_at, expires_at)
           SELECT topic_id, first_seq, $1 || n, verified_at, expires_at FROM subscriptions, generate_series(1, $2) n`,
    values: [prefix, count - 1],
  });
  await connection.query({ text: "UPDATE topics SET subscribers = $1", values: [count] });
}

async function untilCounted({ connection }: TestDatabase, question: string, count: number): Promise<void> {
  for (;;) {
    const { rows } = await connection.query<{ readonly count: number }>(question);
    if (rows[0]?.count === count) return;
    await setTimeout(20);
  }
}

test("a node claims no more of a publication than it can send soon, also while that is still being read", async () => {
  await using database = await openTestDatabase();
  await using publisher = await openPublisher();
  await using subscriber = await openHoldingSubscriber();
  publisher.serve("/feed", { body: "one" });
  const topic = publisher.topic("/feed");
  await using hub = await openTestHub({ database, running: true, settings: { MAX_IN_FLIGHT: "50" } });
  await hub.post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": subscriber.callback("/0") });
  await untilCounted(database, "SELECT count(*)::int AS count FROM subscriptions", 1);
  await subscribeMore(database, subscriber.callback("/"), 4000);
  await hub.post({ "hub.mode": "publish", "hub.url": topic });
  await until(() => subscriber.open.length > 0);
  await setTimeout(300); // for claims that should not be made
  const { rows } = await database.connection.query<object>("SELECT cuts, open FROM fan_outs");
  subscriber.release(204);
  expect(rows).toEqual([{ cuts: 1, open: 1 }]);
});

/** Nobody writes in their chunks any more: half a minute goes by for those. */
async function endLeasesOfTheDead({ connection }: TestDatabase): Promise<void> {
  const asked = "SELECT id, owner, lease_until, todo FROM chunks ORDER BY id";
  let before = (await connection.query(asked)).rows;
  for (;;) {
    await setTimeout(1000);
    const now = (await connection.query<{ readonly id: string }>(asked)).rows;
    const still = now.filter((chunk) => before.some((one) => JSON.stringify(one) === JSON.stringify(chunk)));
    if (still.length === now.length) {
      const ids = still.map(({ id }) => id);
      await connection.query("UPDATE chunks SET lease_until = '-infinity' WHERE id = ANY($1)", [ids]);
      await connection.query("UPDATE behind SET lease_until = '-infinity' WHERE owner IS NOT NULL");
      await connection.query("UPDATE topics SET lease_until = '-infinity' WHERE fetch_owner IS NOT NULL");
      return;
    }
    before = now;
  }
}
