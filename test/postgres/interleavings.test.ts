import { expect, test } from "vitest";

import {
  after,
  callback,
  changed,
  claimCatchUp,
  claimFetch,
  claimIntent,
  close,
  closing,
  cut,
  cutAll,
  deliverAll,
  failNext,
  failure,
  found,
  idsOf,
  intent,
  plenty,
  publish,
  record,
  start,
  subscribe,
  subscribeMany,
  topic,
} from "../conformance/support.ts";
import { openNodes, whileOpen } from "./nodes.ts";

// engine-protocol 5: two connections, one of which is in the middle of its transaction.

test("a row is being removed when its publication is cut: the fan-out waits, and delivers", async () => {
  await using nodes = await openNodes();
  const [store] = nodes.stores;
  const { id } = await subscribe(store);
  await failNext(store);
  await claimCatchUp(store);
  await publish(store);
  const claimed = await whileOpen(
    nodes,
    (other) => other.query("DELETE FROM behind WHERE newest <= 1"),
    () => store.fanOuts.claimChunk(start),
  );
  expect(claimed).toMatchObject({ kind: "chunk", chunk: { seq: 2, recipients: [{ subscriptionId: id }] } });
});

test("a row is being handed over to when its attempt is settled: that waits, and catch-up goes on", async () => {
  await using nodes = await openNodes();
  const [store] = nodes.stores;
  await subscribe(store);
  await failNext(store);
  const claim = await claimCatchUp(store);
  await publish(store);
  const settled = await whileOpen(
    nodes,
    (other) => other.query("UPDATE behind SET newest = 2"),
    () => store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start),
  );
  expect(settled).toBe("more");
  expect(await claimCatchUp(store)).toMatchObject({ seq: 2 });
});

test("the last two chunks close together: the second waits, and the fan-out is done", async () => {
  await using nodes = await openNodes();
  const [store] = nodes.stores;
  await subscribeMany(store, 1500);
  const key = await publish(store);
  const [first, second] = await cutAll(store);
  await whileOpen(
    nodes,
    async (other) => {
      await other.query("DELETE FROM chunks WHERE id = $1", [first?.id]);
      await other.query("UPDATE fan_outs SET open = open - 1, done = (cut_done AND open = 1)");
    },
    () => close(store, found(second)),
  );
  expect(await store.fanOuts.progress(key)).toMatchObject({ done: true });
});

test("somebody unsubscribes while a checkpoint has them fall behind: the others do", async () => {
  await using nodes = await openNodes();
  const [store] = nodes.stores;
  const gone = await subscribe(store);
  const { id } = await subscribe(store, { callback: `${callback}?2` });
  const key = await publish(store);
  const chunk = await cut(store);
  const kept = await whileOpen(
    nodes,
    (other) => other.query("DELETE FROM subscriptions WHERE id = $1", [gone.id]),
    () => close(store, chunk, { behind: [failure(gone.id), failure(id)] }),
  );
  expect(kept).toBe("kept");
  expect(await store.fanOuts.progress(key)).toMatchObject({ done: true, behind: 1 });
  expect(await claimCatchUp(store)).toMatchObject({ subscriptionId: id });
});

test("somebody renews while a checkpoint has them fall behind: they do not wait for each other's keys", async () => {
  await using nodes = await openNodes();
  const [store] = nodes.stores;
  const { id } = await subscribe(store);
  await publish(store);
  const chunk = await cut(store);
  const kept = await whileOpen(
    nodes,
    (other) => other.query("UPDATE subscriptions SET generation = generation + 1"),
    () => close(store, chunk, { behind: [failure(id)] }),
  );
  expect(kept).toBe("kept");
  expect((await claimCatchUp(store)).generation).toBe(1);
});

test("a subscription begins while a publication is numbered: that waits, and it is owed", async () => {
  await using nodes = await openNodes();
  const [store] = nodes.stores;
  await subscribe(store);
  await store.topics.ping([topic], 0, start);
  const fetch = await claimFetch(store);
  await whileOpen(
    nodes,
    (other) =>
      other.query(
        `WITH t AS (UPDATE topics SET subscribers = subscribers + 1 RETURNING id, last_seq)
         INSERT INTO subscriptions (topic_id, callback, first_seq, verified_at, expires_at)
         SELECT id, 'https://late.example/', last_seq + 1, 0, $1 FROM t`,
        [after(1e6).getTime()],
      ),
    () => store.topics.settleFetch(fetch, changed(), 0, start),
  );
  expect((await cut(store)).recipients).toHaveLength(2);
});

test("a publication is numbered while a subscription begins: that waits, and is owed the next", async () => {
  await using nodes = await openNodes();
  const [store] = nodes.stores;
  await subscribe(store);
  await store.intents.addIntent(intent({ callback: `${callback}?late` }), start);
  const claim = await claimIntent(store);
  await whileOpen(
    nodes,
    (other) => other.query("UPDATE topics SET last_seq = last_seq + 1"),
    () => store.intents.settleIntent(claim, { next: "apply", verifiedAt: start }, start),
  );
  expect(await store.subscriptions.find(topic, `${callback}?late`)).toMatchObject({ firstSeq: 2 });
});

test("publishing on a `latest` topic waits for a page that is being cut, and starts after it", async () => {
  await using nodes = await openNodes();
  const [store] = nodes.stores;
  await subscribeMany(store, 1500);
  await publish(store);
  await store.topics.ping([topic], 0, start);
  const fetch = await claimFetch(store);
  await whileOpen(
    nodes,
    (other) => other.query("UPDATE fan_outs SET cursor = 700"),
    () => store.topics.settleFetch(fetch, changed(), 0, start),
  );
  expect(Math.min(...idsOf(await cut(store)))).toBeGreaterThan(700);
});

test("a fan-out that another node cuts is waited for: there may be more of it", async () => {
  await using nodes = await openNodes();
  const [store] = nodes.stores;
  await subscribeMany(store, 1500);
  await publish(store);
  const claimed = await whileOpen(
    nodes,
    (other) => other.query("UPDATE fan_outs SET cursor = (SELECT max(id) - 10 FROM subscriptions)"),
    () => store.fanOuts.claimChunk(start),
  );
  expect(claimed).toMatchObject({ kind: "chunk", chunk: { recipients: { length: 10 } } });
});

test("§5.1 the first request of a pair is settled while a second comes: that waits, and is due", async () => {
  await using nodes = await openNodes();
  const [store] = nodes.stores;
  await store.intents.addIntent(intent(), start);
  await whileOpen(
    nodes,
    (other) => other.query("DELETE FROM intents"),
    () => store.intents.addIntent(intent({ leaseSeconds: 300 }), start),
  );
  expect(await claimIntent(store)).toMatchObject({ leaseSeconds: 300 });
});

test("§5.1 a second request comes while the first of its pair is settled: that waits, and begins it", async () => {
  await using nodes = await openNodes();
  const [store] = nodes.stores;
  await store.intents.addIntent(intent(), start);
  const first = await claimIntent(store);
  await whileOpen(
    nodes,
    async (other) => {
      await other.query("SELECT 1 FROM intents FOR NO KEY UPDATE");
      await other.query(
        `INSERT INTO intents (mode, topic, topic_as_asked, callback, pair, host, client, lease_seconds, start_at)
         SELECT mode, topic, topic_as_asked, callback, pair, host, client, 300, start_at FROM intents`,
      );
    },
    () => store.intents.settleIntent(first, { next: "drop", reason: "refused" }, start),
  );
  expect(await claimIntent(store)).toMatchObject({ leaseSeconds: 300 });
});

test("§5.1 two first requests of a pair at once are verified one by one", async () => {
  await using nodes = await openNodes();
  const [store, another] = nodes.stores;
  for (let i = 0; i < 20; i += 1) {
    const one = callback + i;
    await Promise.all([
      store.intents.addIntent(intent({ callback: one, leaseSeconds: 300 }), start),
      another.intents.addIntent(intent({ callback: one, leaseSeconds: 400 }), start),
    ]);
    const first = await claimIntent(store);
    await store.intents.settleIntent(first, { next: "apply", verifiedAt: start }, start);
    const second = await claimIntent(store);
    await store.intents.settleIntent(second, { next: "apply", verifiedAt: start }, start);
    expect(new Set([first.leaseSeconds, second.leaseSeconds])).toEqual(new Set([300, 400]));
  }
});

test("a lease ends while its publication is cut: it is given up once, by whoever comes first", async () => {
  await using nodes = await openNodes();
  const [store, another] = nodes.stores;
  for (let i = 0; i < 20; i += 1) {
    const url = `${topic}?${i}`;
    await subscribe(store, { topic: url, leaseSeconds: 10 });
    const key = await publish(store, url);
    await Promise.all([
      store.subscriptions.endLapsed(after(10_000), plenty),
      another.fanOuts.claimChunk(after(10_000)),
    ]);
    await store.subscriptions.endLapsed(after(10_000), plenty);
    expect(await store.attempts.newest(key.topicId, plenty)).toMatchObject([{ outcome: "given_up", seq: 1 }]);
  }
});

test("deadlocks between nodes are run again: batches that meet in any order all succeed", async () => {
  await using nodes = await openNodes(4);
  const [store] = nodes.stores;
  await subscribeMany(store, 300);
  await publish(store);
  const chunk = await cut(store);
  const behind = idsOf(chunk).map((id) => failure(id, { token: `of ${id}` }));
  await store.fanOuts.checkpoint(chunk, closing(chunk, { behind }), start);
  const settle = (id: number, i: number) => {
    const claim = { subscriptionId: id, seq: 1, token: `of ${id}` };
    const by = nodes.stores[i % nodes.stores.length] ?? store;
    return by.behind.settleCatchUp(claim, { kind: "gone", generation: 0, ...failure(id) }, record(chunk), start);
  };
  const settled = await Promise.all(idsOf(chunk).toReversed().map(settle));
  expect(new Set(settled)).toEqual(new Set(["done"]));
  expect(await store.topics.find(topic)).toMatchObject({ subscribers: 0 });
  expect(await deliverAll(store)).toEqual([]);
});

test("what a 410 ends is counted in the transaction that ends it, although its last statement goes with the commit", async () => {
  await using nodes = await openNodes();
  const [store] = nodes.stores;
  await subscribe(store);
  const { id } = await subscribe(store, { callback: `${callback}?2` });
  await publish(store);
  const chunk = await cut(store);
  await close(store, chunk, { gone: [{ ...failure(id), generation: 0 }] });
  const { rows } = await nodes.schema.connection.query(
    `SELECT q.subscriptions::int, q.xmin::text = f.xmin::text AS together FROM quotas q, fan_outs f
      WHERE q.name = 'host reader.example'`,
  );
  expect(rows).toEqual([{ subscriptions: 1, together: true }]);
});
