import { expect, test } from "vitest";

import {
  after,
  claimCatchUp,
  claimFetch,
  claimIntent,
  close,
  changed,
  closing,
  cut,
  failNext,
  failure,
  idsOf,
  intent,
  nextChunk,
  plenty,
  publish,
  record,
  start,
  subscribe,
  subscribeMany,
  topic,
} from "../conformance/support.ts";
import { openNodes } from "./nodes.ts";

test("a chunk is its node's until the lease ends; then another has what is left, and late writes are refused", async () => {
  await using nodes = await openNodes();
  const [store, another] = nodes.stores;
  await subscribeMany(store, 5);
  const key = await publish(store);
  const chunk = await cut(store);
  const left = idsOf(chunk).slice(2);
  await close(store, chunk, { left });
  expect(await nextChunk(another)).toBeUndefined();
  await nodes.endLeases();

  const taken = await cut(another, after(1e6));
  expect([taken.id, idsOf(taken)]).toEqual([chunk.id, left]);
  expect(taken.token).not.toBe(chunk.token);
  expect(await close(store, chunk)).toBe("lost");
  expect(await close(another, taken)).toBe("kept");
  expect(await another.fanOuts.progress(key)).toMatchObject({ done: true, delivered: 5 });
});

test("a checkpoint begins the lease anew, also with nothing to tell and after its end while nobody came", async () => {
  await using nodes = await openNodes();
  const [store, another] = nodes.stores;
  await subscribeMany(store, 3);
  await publish(store);
  const chunk = await cut(store);
  await nodes.endLeases();
  expect(await close(store, chunk, { left: idsOf(chunk) })).toBe("kept");
  expect(await nextChunk(another)).toBeUndefined();
  const { rows } = await nodes.schema.connection.query(
    "SELECT lease_until > now() + interval '25 s' AS renewed FROM chunks",
  );
  expect(rows).toEqual([{ renewed: true }]);
});

test("a catch-up, a slow first attempt, a fetch and a verification are claimed again when the lease is over", async () => {
  await using nodes = await openNodes();
  const [store, another] = nodes.stores;
  const { id } = await subscribe(store, { topic: `${topic}?slow` });
  await publish(store, `${topic}?slow`);
  const chunk = await cut(store);
  await store.fanOuts.checkpoint(chunk, closing(chunk, { behind: [failure(id, { token: "slow" })] }), start);
  await subscribe(store);
  await failNext(store);
  const catchUp = await claimCatchUp(store);
  await store.topics.ping([topic], 0, start);
  const fetch = await claimFetch(store);
  await store.intents.addIntent(intent({ callback: "https://new.example/" }), start);
  const verification = await claimIntent(store);
  const late = after(1e9);
  const claimAll = () =>
    Promise.all([
      another.behind.claimCatchUps(plenty, plenty, start),
      another.topics.claimFetches(plenty, plenty, late),
      another.intents.claimIntents(plenty, plenty, late),
    ]);
  expect(await claimAll()).toEqual([[], [], []]);
  await nodes.endLeases();

  const [behind, fetches, intents] = await claimAll();
  expect(new Set(behind.map((claim) => claim.subscriptionId))).toEqual(new Set([id, catchUp.subscriptionId]));
  expect(fetches).toMatchObject([{ topicId: fetch.topicId }]);
  expect(intents).toMatchObject([{ id: verification.id, attempts: 0 }]);
  const delivered = { kind: "delivered" } as const;
  for (const claim of [catchUp, { subscriptionId: id, seq: 1, token: "slow" }]) {
    expect(await store.behind.settleCatchUp(claim, delivered, record(chunk), start)).toBe("lost");
  }
  expect(await store.topics.settleFetch(fetch, changed(), 0, start)).toBe(false);
  expect(await store.intents.settleIntent(verification, { next: "drop", reason: "late" }, start)).toBe("lost");
});

test("nodes that claim together never claim the same", async () => {
  await using nodes = await openNodes(4);
  const [store] = nodes.stores;
  await subscribeMany(store, 1200);
  await publish(store);
  const chunks = await Promise.all(nodes.stores.map((one) => nextChunk(one)));
  const ids = chunks.flatMap((chunk) => (chunk === undefined ? [] : idsOf(chunk)));
  expect([ids.length, new Set(ids).size]).toEqual([1200, 1200]);
  for (const chunk of chunks) {
    if (chunk) await close(store, chunk, { behind: idsOf(chunk).map((id) => failure(id)) });
  }

  const claimed = new Set<number>();
  for (;;) {
    const claims = (await Promise.all(nodes.stores.map((one) => one.behind.claimCatchUps(50, plenty, start)))).flat();
    if (claims.length === 0) break;
    for (const { subscriptionId } of claims) {
      expect(claimed.has(subscriptionId)).toBe(false);
      claimed.add(subscriptionId);
    }
  }
  expect(claimed.size).toBe(1200);
});
