import pg from "pg";
import { expect, test } from "vitest";

import { storeTurns } from "../support/crowd.ts";
import { openHoldingSubscriber } from "../support/holding-subscriber.ts";
import { openPeer } from "../support/peer.ts";
import { openPublisher } from "../support/publisher.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { openTestHub } from "../support/test-hub.ts";
import { until } from "../support/until.ts";

// Promise E on several nodes: what a node has claimed when it ends is another's at once, not when a lease is over.
// Side by side where it takes the seconds that a hub gives those who do not answer.

test("promise E: what is left of a chunk is delivered by another node at once", async () => {
  await using database = await openTestDatabase();
  await using publisher = await openPublisher();
  await using subscriber = await openHoldingSubscriber();
  const settings = { HOST_CONCURRENCY: "1" };
  await using another = await openTestHub({ database, settings });
  const topic = publisher.topic("/feed");
  {
    const hub = await openTestHub({ database, settings, running: true });
    for (const path of ["/1", "/2", "/3"]) await hub.subscribe(topic, subscriber.callback(path));
    publisher.serve("/feed", { body: "one" });
    await hub.post({ "hub.mode": "publish", "hub.url": topic });
    await until(() => subscriber.open.length === 1);
    await another.drain();
    expect(subscriber.deliveries).toHaveLength(1);
    const ending = hub[Symbol.asyncDispose]();
    subscriber.answer(1, 204);
    await ending;
  }
  subscriber.release(204);
  await another.drain();
  expect(subscriber.deliveries.map(({ target }) => target).toSorted()).toEqual(["/1", "/2", "/3"]);
});

test.concurrent("promise E: a delivery that is cut short is made again by another node at once, also one that had left its chunk", async () => {
  await using database = await openTestDatabase();
  await using publisher = await openPublisher();
  await using subscriber = await openHoldingSubscriber();
  await using another = await openTestHub({ database });
  const topic = publisher.topic("/feed");
  {
    await using hub = await openTestHub({ database, running: true });
    await hub.subscribe(topic, subscriber.callback());
    publisher.serve("/feed", { body: "one" });
    await hub.post({ "hub.mode": "publish", "hub.url": topic });
    await until(() => subscriber.open.length === 1);
    await until(async () => {
      hub.clock.advance(50);
      return (await another.store.fanOuts.progress({ topicId: 1, seq: 1 }))?.behind === 1;
    });
  }
  subscriber.release(204);
  await another.pass(600_000);
  expect(subscriber.deliveries.map(({ body }) => body.toString())).toEqual(["one", "one"]);
  const ids = subscriber.deliveries.map(({ headers }) => headers["webhook-id"]);
  expect(new Set(ids).size).toBe(1);
});

test.concurrent("promise E: a verification and a fetch that are cut short are made by another node at once", async () => {
  await using database = await openTestDatabase();
  let hangs = true;
  await using peer = await openPeer(({ target }) => {
    const challenge = new URL(target, "http://x").searchParams.get("hub.challenge");
    if (target.startsWith("/quick")) return { status: 200, body: challenge ?? "" };
    return hangs ? "hang" : { status: 200, body: challenge ?? "content" };
  });
  await using another = await openTestHub({ database });
  const topic = `${peer.origin}/feed`;
  {
    await using hub = await openTestHub({ database, running: true });
    await hub.post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": `${peer.origin}/quick` });
    await peer.seen(1);
    await until(async () => (await hub.store.subscriptions.find(topic, `${peer.origin}/quick`)) !== undefined);
    await hub.post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": `${peer.origin}/slow` });
    await hub.post({ "hub.mode": "publish", "hub.url": topic });
    await peer.seen(3);
  }
  hangs = false;
  await another.drain();
  expect(await another.store.subscriptions.find(topic, `${peer.origin}/slow`)).toBeDefined();
  expect(await another.store.topics.find(topic)).toMatchObject({ lastSeq: 1 });
});

test("promise E: what still waits for its turn when its chunk is given back is sent by another node alone", async () => {
  await using database = await openTestDatabase();
  await using publisher = await openPublisher();
  await using subscriber = await openHoldingSubscriber();
  const settings = { HOST_CONCURRENCY: "1" };
  await using another = await openTestHub({ database, settings });
  const [first, second] = [publisher.topic("/first"), publisher.topic("/second")];
  const [reads, row] = [database.connection, await connect(database.url)];
  const waits = async (count: number, query = "%") => {
    const waiting = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    return (await reads.query(`SELECT 1 ${waiting} AND query LIKE $1`, [query])).rows.length >= count;
  };
  const chunks = async () => (await reads.query("SELECT 1 FROM chunks WHERE owner <> ''")).rows.length;
  {
    const hub = await openTestHub({ database, settings, running: true });
    await hub.subscribe(first, subscriber.callback("/first"));
    await hub.subscribe(second, subscriber.callback("/second"));
    for (const path of ["/first", "/second"]) publisher.serve(path, { body: "one" });
    await hub.post({ "hub.mode": "publish", "hub.url": first });
    await until(() => subscriber.open.length === 1);
    await hub.post({ "hub.mode": "publish", "hub.url": second });
    await until(async () => (await chunks()) === 2);
    await storeTurns(hub);
    // Both chunks ask what else waits. Meanwhile the hub is told to end; then the chunk that has sent nothing is given back.
    await reads.query("BEGIN");
    await reads.query("LOCK TABLE fan_outs IN ACCESS EXCLUSIVE MODE");
    // A chunk that was not there yet when time passed is there the next time. Nothing is late before 2 s.
    for (let passes = 0; passes < 6 && !(await waits(2)); passes += 1) {
      hub.clock.advance(250);
      await storeTurns(another);
    }
    await until(() => waits(2));
    const ending = hub[Symbol.asyncDispose]();
    await row.query("BEGIN");
    await row.query("SELECT 1 FROM chunks c JOIN topics t ON t.id = c.topic_id WHERE t.url = $1 FOR UPDATE OF c", [
      second,
    ]);
    await reads.query("ROLLBACK");
    await until(() => waits(1, "%UPDATE chunks%"));
    subscriber.release(204);
    await until(async () => (await chunks()) === 1);
    await row.query("ROLLBACK");
    await ending;
  }
  await row.end();
  await another.drain();
  expect(subscriber.deliveries.map(({ target }) => target)).toEqual(["/first", "/second"]);
});

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}
