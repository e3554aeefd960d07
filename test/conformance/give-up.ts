import { describe, expect, test } from "vitest";

import type { Store } from "../../src/store/store.ts";
import {
  after,
  callbacksAt,
  claimAll,
  claimCatchUp,
  fallBehind,
  found,
  nextChunk,
  only,
  type OpenStore,
  plenty,
  publish,
  record,
  start,
  subscribe,
  topic,
  wait,
} from "./support.ts";

const a = "https://a.example";
const other = "https://blog.example/other";

export function describeGiveUp(open: OpenStore): void {
  describe("what is owed for too long", () => {
    test("every: is given up as far as it is old, in one record that counts; the rest is still owed", async () => {
      await using opened = await open();
      const { store } = opened;
      const id = await owe(store, "every", [10, 20, 30]);

      expect(await store.behind.giveUpOld(start, plenty, after(99))).toBe(0);
      expect(await store.behind.giveUpOld(after(20), plenty, after(99))).toBe(1);
      expect(await store.behind.giveUpOld(after(20), plenty, after(99))).toBe(0);
      const claim = await claimCatchUp(store, after(60));
      expect(claim).toMatchObject({ seq: 3, attempts: 4, retryAt: after(60) });
      expect(await log(store, claim.topicId)).toEqual([
        record({ ...claim, seq: 2 }, { ...givenUp, subscriptionId: id, count: 2, attempt: 4, at: after(99) }),
      ]);
    });

    test("latest: is the newest alone, and counts as one, however many were missed", async () => {
      await using opened = await open();
      const { store } = opened;
      await owe(store, "latest", [10, 20, 30]);
      expect(await store.behind.giveUpOld(after(30), plenty, start)).toBe(0);
      expect(await store.behind.giveUpOld(after(31), plenty, start)).toBe(1);
      expect(await log(store)).toMatchObject([{ seq: 4, count: 1 }]);
    });

    test("latest: counts as one after a release, a crash, a failure and a success too", async () => {
      await using opened = await open();
      const ways = ["released", "cut short", "failed", "delivered"].map((name) => ({ callback: `${a}/${name}` }));
      await fallBehind(opened.store, ways);
      const claims = await claimAll(opened.store);
      for (const ms of [10, 20, 30]) {
        await publish(opened.store, topic, after(ms));
        await nextChunk(opened.store);
      }
      const of = (name: string) => only(claims.filter((claim) => claim.callback === `${a}/${name}`));
      await opened.store.behind.release(of("released"));
      await opened.store.behind.settleCatchUp(of("delivered"), { kind: "delivered" }, record(of("delivered")), start);
      await opened.store.behind.settleCatchUp(of("failed"), { kind: "failed", ...wait() }, record(of("failed")), start);
      await opened.crash();

      expect(await opened.store.behind.giveUpOld(after(30), plenty, start)).toBe(0);
      expect(await opened.store.behind.giveUpOld(after(31), plenty, start)).toBe(4);
      const records = (await log(opened.store)).filter(({ outcome }) => outcome === "given_up");
      expect(records.map(({ seq, count }) => `${count} of ${seq}`)).toEqual(Array(4).fill("1 of 4"));
    });

    test("is not given up while an attempt is under way: it is when that has failed", async () => {
      await using opened = await open();
      const { store } = opened;
      await fallBehind(store, [{ callback: `${a}/1` }, { callback: `${a}/2`, token: "slow" }]);
      const claim = await claimCatchUp(store);
      expect(await store.behind.giveUpOld(after(1), plenty, start)).toBe(0);
      expect(await store.behind.settleCatchUp(claim, { kind: "failed", ...wait() }, record(claim), start)).toBe(
        "waits",
      );
      expect(await store.behind.giveUpOld(after(1), plenty, start)).toBe(1);
      expect(await store.behind.claimCatchUps(plenty, plenty, start)).toEqual([]);
    });

    test("is given up a few at a time, until nothing is left, whatever else is old", async () => {
      await using opened = await open();
      const { store } = opened;
      const all = callbacksAt("a.example", 7).map((callback, i) => ({ callback, dueAt: after(i) }));
      await fallBehind(store, all);
      await publish(store, topic, after(50));
      await nextChunk(store);
      await store.topics.setPolicy(topic, "every");
      const claimed = await store.behind.claimCatchUps(2, plenty, after(1));

      const counts: number[] = [];
      for (let i = 0; i < 4; i += 1) counts.push(await store.behind.giveUpOld(after(90), 2, start));
      expect(counts).toEqual([2, 2, 1, 0]);
      for (const claim of claimed) await store.behind.release(claim);
      expect(await store.behind.giveUpOld(after(90), 2, start)).toBe(2);
      const records = await log(store);
      expect(new Set(records.map(({ subscriptionId }) => subscriptionId)).size).toBe(7);
    });

    test("leaves nothing owed: the wait goes on, and retention lets the publications go", async () => {
      await using opened = await open();
      const { store } = opened;
      await owe(store, "every", [10, 20]);
      expect(await store.publications.removeSettled(plenty)).toBe(0);
      expect(await store.behind.giveUpOld(after(99), plenty, start)).toBe(1);
      expect(await log(store)).toMatchObject([{ seq: 3, count: 3 }]);
      expect(await store.publications.removeSettled(plenty)).toBe(3);
      expect(await store.behind.claimCatchUps(plenty, plenty, after(1e6))).toEqual([]);
      expect(await store.behind.removeSettled(plenty, after(59))).toBe(0);

      await publish(store, topic, after(100));
      await nextChunk(store);
      expect(await store.behind.claimCatchUps(plenty, plenty, after(59))).toEqual([]);
      expect(await claimCatchUp(store, after(60))).toMatchObject({ seq: 4, attempts: 4 });
    });

    test("is each topic's own: what one has had for long another has not", async () => {
      await using opened = await open();
      const { store } = opened;
      await owe(store, "every", [10, 20, 30]);
      await subscribe(store, { topic: other, callback: `${a}/other` });
      for (const ms of [12, 13, 14]) await publish(store, other, after(ms));
      const chunk = found(await nextChunk(store));
      const behind = chunk.recipients.map(({ subscriptionId }) => ({ subscriptionId, token: undefined, ...wait() }));
      await store.fanOuts.checkpoint(chunk, { left: [], delivered: 0, behind, gone: [], log: [] }, start);

      expect(await store.behind.giveUpOld(after(15), plenty, start)).toBe(2);
      expect(await log(store)).toMatchObject([{ seq: 2, count: 2 }]);
      expect(await store.attempts.newest(chunk.topicId, plenty)).toMatchObject([{ seq: 3, count: 1 }]);
    });

    test("is what was handed over: the fan-out still owes what is not, however old", async () => {
      await using opened = await open();
      const { store } = opened;
      await owe(store, "every", []);
      await publish(store, topic, after(10));
      expect(await store.behind.giveUpOld(after(99), plenty, start)).toBe(1);
      expect(await log(store)).toMatchObject([{ seq: 1, count: 1 }]);
      expect(await store.behind.giveUpOld(after(99), plenty, start)).toBe(0);
      expect(await nextChunk(store)).toBeUndefined();
      expect(await store.behind.giveUpOld(after(99), plenty, start)).toBe(1);
      expect(await log(store)).toMatchObject([{ seq: 2, count: 1 }, { seq: 1 }]);
    });
  });

  describe("rows that owe nothing", () => {
    test("are removed when their wait is over, a few at a time; others never", async () => {
      await using opened = await open();
      const { store } = opened;
      const all = callbacksAt("a.example", 6).map((callback, i) => ({ callback, dueAt: after(i) }));
      await fallBehind(store, all);
      expect(await store.behind.removeSettled(plenty, after(99))).toBe(0);
      const claims = await claimAll(store, after(5));
      const [kept, ...given] = claims;
      for (const [i, claim] of given.entries()) {
        const outcome = { kind: "given_up", ...wait({ dueAt: after(10 + i) }) } as const;
        await store.behind.settleCatchUp(claim, outcome, record(claim), start);
      }
      expect(await store.behind.removeSettled(plenty, after(9))).toBe(0);
      expect(await store.behind.removeSettled(plenty, after(10))).toBe(1);
      expect(await store.behind.removeSettled(2, after(14))).toBe(2);
      expect(await store.behind.removeSettled(2, after(14))).toBe(2);
      expect(await store.behind.removeSettled(2, after(14))).toBe(0);
      const last = found(kept);
      expect(await store.behind.settleCatchUp(last, { kind: "delivered" }, record(last), start)).toBe("done");
    });
  });
}

const givenUp = { outcome: "given_up", status: undefined, reason: "it was owed for 7 days", durationMs: 0 } as const;

/** One subscription that owes publication 1 of the beginning, and those of the moments given. */
async function owe(store: Store, policy: "latest" | "every", moments: readonly number[]): Promise<number> {
  const ids = await fallBehind(store, [{ callback: `${a}/`, attempts: 4, dueAt: after(60) }]);
  await store.topics.setPolicy(topic, policy);
  for (const ms of moments) {
    await publish(store, topic, after(ms));
    expect(await nextChunk(store)).toBeUndefined();
  }
  return only(ids);
}

async function log(store: Store, topicId?: number) {
  const id = topicId ?? found(await store.topics.find(topic)).id;
  return store.attempts.newest(id, plenty);
}
