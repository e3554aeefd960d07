import { describe, expect, test } from "vitest";

import type { Store } from "../../src/store/store.ts";
import {
  after,
  callback,
  claimCatchUp,
  close,
  cut,
  cutAll,
  failNext,
  failure,
  found,
  idsOf,
  nextChunk,
  type OpenStore,
  plenty,
  publish,
  record,
  subscribe,
  subscribeMany,
  topic,
  unsubscribe,
  wait,
} from "./support.ts";

const over = after(10_000);

export function describeLeaseEnd(open: OpenStore): void {
  describe("what is owed when a lease ends is given up, and logged:", () => {
    test.each([
      { policy: "latest", count: 1 },
      { policy: "every", count: 3 },
    ] as const)("$policy, behind by three: $count", async ({ policy, count }) => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store, { leaseSeconds: 10 });
      await store.topics.setPolicy(topic, policy);
      await failNext(store, { attempts: 4, dueAt: after(60) });
      for (let i = 0; i < 2; i += 1) await publishAndCut(store);
      expect(await store.subscriptions.endLapsed(over, plenty)).toBe(1);
      const { id: topicId } = found(await store.topics.find(topic));
      expect(await recordsOf(store)).toEqual([
        record({ topicId, seq: 3 }, { ...givenUp, subscriptionId: id, count, attempt: 4, at: over }),
      ]);
    });

    test.each([
      { outcome: { kind: "delivered" }, left: [] },
      { outcome: { kind: "failed", ...wait() }, left: [[1, 1]] },
      { outcome: { kind: "given_up", ...wait() }, left: [] },
    ] as const)("behind and claimed: once the attempt has ended ($outcome.kind)", async ({ outcome, left }) => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store, { leaseSeconds: 10 });
      await failNext(store);
      const claim = await claimCatchUp(store);
      expect(await store.subscriptions.endLapsed(over, plenty)).toBe(0);
      await store.behind.settleCatchUp(claim, outcome, record(claim), over);
      expect(await store.subscriptions.endLapsed(over, plenty)).toBe(1);
      expect(await givenUps(store)).toEqual(left);
    });

    test("latest, claimed when newer ones were handed over: the newest", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store, { leaseSeconds: 10 });
      await failNext(store);
      const claim = await claimCatchUp(store);
      for (let i = 0; i < 2; i += 1) await publishAndCut(store);
      await store.behind.settleCatchUp(claim, { kind: "given_up", ...wait() }, record(claim), over);
      await store.subscriptions.endLapsed(over, plenty);
      expect(await givenUps(store)).toEqual([[3, 1]]);
    });

    test("not yet cut, every publication of them, in one record with their number", async () => {
      await using opened = await open();
      const { store } = opened;
      await publishTwice(store, "every");
      await subscribe(store, { callback: `${callback}?late`, leaseSeconds: 10 });
      expect(await store.subscriptions.endLapsed(over, plenty)).toBe(2);
      expect(await givenUps(store)).toEqual([[2, 2]]);
      expect(await nextChunk(store, over)).toBeUndefined();
      expect(await givenUps(store)).toHaveLength(1);
    });

    test("latest, not yet cut: the newest", async () => {
      await using opened = await open();
      const { store } = opened;
      await publishTwice(store, "latest");
      await store.subscriptions.endLapsed(over, plenty);
      expect(await givenUps(store)).toEqual([[2, 1]]);
    });

    test("behind the cursor, where the fan-out will wrap round to: it is owed there too", async () => {
      await using opened = await open();
      const { store } = opened;
      const early = await subscribe(store, { leaseSeconds: 10 });
      await subscribeMany(store, 1500);
      const late = await subscribe(store, { callback: `${callback}?late`, leaseSeconds: 10 });
      await publish(store);
      await close(store, await cut(store));
      await publish(store);
      await store.subscriptions.endLapsed(over, plenty);
      const records = await recordsOf(store);
      expect(records.map(({ subscriptionId, seq }) => [subscriptionId, seq]).toSorted(byId)).toEqual([
        [early.id, 2],
        [late.id, 2],
      ]);
    });

    test("nothing of what was published before it subscribed", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await publish(store);
      await subscribe(store, { callback: `${callback}?late`, leaseSeconds: 10 });
      await cut(store);
      await subscribe(store, { callback: `${callback}?later`, leaseSeconds: 10 });
      expect(await store.subscriptions.endLapsed(over, plenty)).toBe(2);
      expect(await givenUps(store)).toEqual([]);
    });

    test.each([
      { how: "delivered", report: () => [], left: [] },
      { how: "fallen behind", report: (id: number) => [failure(id)], left: [[1, 1]] },
    ])("in a chunk under way: once it is $how", async ({ report, left }) => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store, { leaseSeconds: 10 });
      await publish(store);
      const chunk = await cut(store);
      expect(await store.subscriptions.endLapsed(over, plenty)).toBe(0);
      expect(await close(store, chunk, { behind: report(id) })).toBe("kept");
      expect(await store.subscriptions.endLapsed(over, plenty)).toBe(1);
      expect(await givenUps(store)).toEqual(left);
    });

    test("up to date, or given up before: nothing", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store, { leaseSeconds: 10 });
      await subscribe(store, { callback: `${callback}?2`, leaseSeconds: 10 });
      await failNext(store);
      const [first, second] = await store.behind.claimCatchUps(plenty, plenty, after(0));
      await store.behind.settleCatchUp(found(first), { kind: "delivered" }, record(found(first)), over);
      const outcome = { kind: "given_up", ...wait() } as const;
      await store.behind.settleCatchUp(found(second), outcome, record(found(second)), over);
      expect(await store.subscriptions.endLapsed(over, plenty)).toBe(2);
      expect((await recordsOf(store)).filter((one) => one.outcome === "given_up")).toEqual([]);
    });

    test("cut after its end: passed over, and logged once", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store, { leaseSeconds: 10 });
      await subscribe(store, { callback: `${callback}?2` });
      const key = await publish(store);
      expect(idsOf(await cut(store, over))).not.toContain(id);
      await store.subscriptions.endLapsed(over, plenty);
      expect(await store.attempts.newest(key.topicId, plenty)).toEqual([
        record(key, { ...givenUp, subscriptionId: id, attempt: 0, at: over }),
      ]);
    });

    test("cut after its end, and behind: what it was behind with and what it was passed over for", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store, { leaseSeconds: 10 });
      await failNext(store);
      await publish(store);
      expect(await nextChunk(store, over)).toBeUndefined();
      await store.subscriptions.endLapsed(over, plenty);
      expect(await givenUps(store)).toEqual([
        [2, 1],
        [1, 1],
      ]);
    });

    test("in a chunk whose owner is gone: whoever claims that logs it once, and does not send", async () => {
      await using opened = await open();
      const { id } = await subscribe(opened.store, { leaseSeconds: 10 });
      const kept = await subscribe(opened.store, { callback: `${callback}?2` });
      await publish(opened.store);
      await cut(opened.store);
      await opened.crash();
      expect(await opened.store.subscriptions.endLapsed(over, plenty)).toBe(0);
      expect(idsOf(await cut(opened.store, over))).toEqual([kept.id]);
      await opened.crash();
      expect(idsOf(await cut(opened.store, over))).toEqual([kept.id]);
      expect(await opened.store.subscriptions.endLapsed(over, plenty)).toBe(1);
      expect(await recordsOf(opened.store)).toMatchObject([{ ...givenUp, subscriptionId: id, seq: 1, at: over }]);
    });

    test("but not when it is renewed in time, unsubscribed, or removed by the operator", async () => {
      await using opened = await open();
      const { store } = opened;
      const pairs = ["renewed", "unsubscribed", "removed"].map((name) => `${callback}?${name}`);
      for (const one of pairs) await subscribe(store, { callback: one, leaseSeconds: 10 });
      await failNext(store);
      await subscribe(store, { callback: found(pairs[0]) }, after(9999));
      await unsubscribe(store, { callback: found(pairs[1]) });
      await store.subscriptions.remove(topic, found(pairs[2]));
      expect(await store.subscriptions.endLapsed(over, plenty)).toBe(0);
      expect(await givenUps(store)).toEqual([]);
      expect(await claimCatchUp(store, over)).toMatchObject({ callback: pairs[0] });
    });

    test("of many, a few at a time, each once", async () => {
      await using opened = await open();
      const { store } = opened;
      for (let i = 0; i < 5; i += 1) await subscribe(store, { callback: `${callback}?${i}`, leaseSeconds: 10 });
      await failNext(store);
      const counts: number[] = [];
      for (let i = 0; i < 4; i += 1) counts.push(await store.subscriptions.endLapsed(over, 2));
      expect(counts).toEqual([2, 2, 1, 0]);
      expect(new Set((await recordsOf(store)).map(({ subscriptionId }) => subscriptionId)).size).toBe(5);
      expect(await cutAll(store)).toEqual([]);
    });
  });
}

const givenUp = { outcome: "given_up", status: undefined, reason: "the lease ended", durationMs: 0 } as const;

async function publishAndCut(store: Store): Promise<void> {
  await publish(store);
  expect(await nextChunk(store)).toBeUndefined();
}

async function publishTwice(store: Store, policy: "latest" | "every"): Promise<void> {
  await subscribe(store, { leaseSeconds: 10 });
  await store.topics.setPolicy(topic, policy);
  await publish(store);
  await publish(store);
}

async function recordsOf(store: Store) {
  const { id } = found(await store.topics.find(topic));
  return store.attempts.newest(id, plenty);
}

/** Publication and count, in the order they were logged. */
async function givenUps(store: Store) {
  const records = (await recordsOf(store)).filter(({ outcome }) => outcome === "given_up");
  return records.toReversed().map(({ seq, count }) => [seq, count]);
}

function byId(one: readonly (number | undefined)[], other: readonly (number | undefined)[]): number {
  return (one[0] ?? 0) - (other[0] ?? 0);
}
