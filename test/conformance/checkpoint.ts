import { describe, expect, test } from "vitest";

import {
  after,
  callback,
  claimCatchUp,
  close,
  closing,
  cut,
  cutAll,
  failure,
  found,
  idsOf,
  nextChunk,
  only,
  type OpenStore,
  plenty,
  publish,
  record,
  start,
  subscribe,
  subscribeMany,
  topic,
  unsubscribe,
} from "./support.ts";

export function describeCheckpoint(open: OpenStore): void {
  describe("§7 a checkpoint", () => {
    test("writes all that happened, and closes the chunk when nothing is left", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 10);
      const key = await publish(store);
      const chunk = await cut(store);
      const ids = idsOf(chunk);
      const gone = { ...failure(found(ids[5])), generation: found(chunk.recipients[5]).generation };
      const log = [record(key, { subscriptionId: ids[0] }), record(key, { subscriptionId: ids[5], outcome: "gone" })];

      const half = {
        left: ids.slice(0, 5),
        behind: [failure(found(ids[6])), failure(found(ids[7]))],
        gone: [gone],
        log,
      };
      expect(await close(store, chunk, half)).toBe("kept");
      expect(await store.fanOuts.progress(key)).toEqual({
        done: false,
        delivered: 2,
        behind: 2,
        handedOver: 0,
        gone: 1,
      });
      expect(await store.attempts.newest(key.topicId, plenty)).toEqual(log.toReversed());
      expect(await store.topics.find(topic)).toMatchObject({ subscribers: 9 });
      const owed = await store.behind.claimCatchUps(plenty, plenty, start);
      expect(new Set(owed.map((claim) => claim.subscriptionId))).toEqual(new Set(ids.slice(6, 8)));

      expect(await close(store, chunk, { delivered: 5 })).toBe("kept");
      expect(await store.fanOuts.progress(key)).toEqual({
        done: true,
        delivered: 7,
        behind: 2,
        handedOver: 0,
        gone: 1,
      });
    });

    test("after the chunk was closed is lost, and writes nothing", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store);
      const key = await publish(store);
      const chunk = await cut(store);
      await close(store, chunk);
      const before = await store.fanOuts.progress(key);

      const late = { behind: [failure(id)], log: [record(key)] };
      expect(await close(store, chunk, late)).toBe("lost");
      expect(await store.fanOuts.progress(key)).toEqual(before);
      expect(await store.behind.claimCatchUps(plenty, plenty, start)).toEqual([]);
      expect(await store.attempts.newest(key.topicId, plenty)).toEqual([]);
    });

    test("after the claim is lost is refused whole, before and after another has claimed the chunk", async () => {
      await using opened = await open();
      await subscribeMany(opened.store, 3);
      const key = await publish(opened.store);
      const lost = await cut(opened.store);
      await opened.crash();
      const { store } = opened;
      const [a, b, c] = idsOf(lost).map((id) => failure(id));
      const gone = { ...found(b), generation: found(lost.recipients[1]).generation };
      const late = { left: [found(c).subscriptionId], behind: [found(a)], gone: [gone], log: [record(key)] };

      expect(await close(store, lost, late)).toBe("lost");
      const chunk = await cut(store);
      expect(await close(store, lost, late)).toBe("lost");
      expect(await close(store, lost)).toBe("lost");

      expect(idsOf(chunk)).toEqual(idsOf(lost));
      expect(await store.behind.claimCatchUps(plenty, plenty, start)).toEqual([]);
      expect(await store.attempts.newest(key.topicId, plenty)).toEqual([]);
      expect(await store.topics.find(topic)).toMatchObject({ subscribers: 3 });
      expect(await close(store, chunk)).toBe("kept");
      const progress = { done: true, delivered: 3, behind: 0, handedOver: 0, gone: 0 };
      expect(await store.fanOuts.progress(key)).toEqual(progress);
    });

    test("keeps the to-do list that a crash leaves to the next owner", async () => {
      await using opened = await open();
      await subscribeMany(opened.store, 5);
      await publish(opened.store);
      const chunk = await cut(opened.store);
      await close(opened.store, chunk, { left: idsOf(chunk).slice(3) });
      await close(opened.store, chunk, { left: idsOf(chunk).slice(4), delivered: 1 });
      await opened.crash();
      expect(idsOf(await cut(opened.store))).toEqual(idsOf(chunk).slice(4));
    });

    test.each([
      { first: 0, last: 1 },
      { first: 1, last: 0 },
    ])("of the last two chunks, one after the other: the later one ends the fan-out", async ({ first, last }) => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 1500);
      const key = await publish(store);
      const chunks = await cutAll(store);
      await close(store, found(chunks[first]));
      expect(await store.fanOuts.progress(key)).toMatchObject({ done: false });
      await close(store, found(chunks[last]));
      expect(await store.fanOuts.progress(key)).toMatchObject({ done: true, delivered: 1500 });
    });

    test("of the last two chunks, both at once: the fan-out is done", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 1500);
      const key = await publish(store);
      const chunks = await cutAll(store);
      expect(chunks).toHaveLength(2);
      await Promise.all(chunks.map((chunk) => close(store, chunk)));
      expect(await store.fanOuts.progress(key)).toMatchObject({ done: true, delivered: 1500 });
    });

    test("of all that was cut so far leaves a fan-out undone while there is more to cut", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 1500);
      const key = await publish(store);
      await close(store, await cut(store));
      expect(await store.fanOuts.progress(key)).toMatchObject({ done: false });
      await close(store, await cut(store));
      expect(await store.fanOuts.progress(key)).toMatchObject({ done: true });
    });
  });

  describe("what leaves a chunk unsettled", () => {
    test("is due when the checkpoint says, with the attempts made", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store, { secret: "s3cret" });
      const key = await publish(store);
      await close(store, await cut(store), { behind: [failure(id, { attempts: 0, dueAt: after(50) })] });

      expect(await store.behind.claimCatchUps(plenty, plenty, after(49))).toEqual([]);
      expect(await claimCatchUp(store, after(50))).toMatchObject({
        ...key,
        subscriptionId: id,
        callback,
        secret: "s3cret",
        attempts: 0,
      });
    });

    test("and has unsubscribed meanwhile is owed nothing: failed, slow or 410", async () => {
      await using opened = await open();
      const { store } = opened;
      const pairs = ["failed", "slow", "gone", "stays"].map((name) => `${callback}?${name}`);
      for (const one of pairs) await subscribe(store, { callback: one });
      const key = await publish(store);
      const chunk = await cut(store);
      for (const one of pairs.slice(0, 3)) await unsubscribe(store, { callback: one });
      await subscribe(store, { callback: found(pairs[0]) });
      const [failed, slow, gone, stays] = idsOf(chunk).map((id) => failure(id));

      const behind = [found(failed), { ...found(slow), token: "slow" }, found(stays)];
      expect(await close(store, chunk, { behind, gone: [{ ...found(gone), generation: 0 }] })).toBe("kept");

      expect(await store.fanOuts.progress(key)).toMatchObject({ done: true, behind: 1, gone: 0 });
      expect((await claimCatchUp(store)).subscriptionId).toBe(stays?.subscriptionId);
      const outcome = { kind: "delivered" } as const;
      const claim = { subscriptionId: found(slow).subscriptionId, seq: key.seq, token: "slow" };
      expect(await store.behind.settleCatchUp(claim, outcome, record(key), start)).toBe("lost");
    });

    test("and was renewed meanwhile is owed it under the new terms", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store, { secret: "old" });
      await publish(store);
      const chunk = await cut(store);
      await subscribe(store, { secret: "new" });
      await close(store, chunk, { behind: [failure(id)] });
      const claim = await claimCatchUp(store);
      expect(claim).toMatchObject({ subscriptionId: id, seq: 1, secret: "new" });
      expect(claim.generation).toBeGreaterThan(only(chunk.recipients).generation);
    });

    test("by a 410 that is older than the renewal falls behind, as by any failure", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store);
      const key = await publish(store);
      const chunk = await cut(store);
      const { generation } = only(chunk.recipients);
      await subscribe(store, { secret: "new" });
      await close(store, chunk, { gone: [{ ...failure(id, { attempts: 1, dueAt: after(5) }), generation }] });

      expect(await store.subscriptions.find(topic, callback)).toMatchObject({ id });
      expect(await store.fanOuts.progress(key)).toMatchObject({ done: true, behind: 1, gone: 0 });
      expect(await store.behind.claimCatchUps(plenty, plenty, after(4))).toEqual([]);
      expect(await claimCatchUp(store, after(5))).toMatchObject({ subscriptionId: id, seq: 1, attempts: 1 });
    });

    test("while its attempt still runs is claimed by that attempt's own token, and by nobody else", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store);
      const key = await publish(store);
      await close(store, await cut(store), { behind: [failure(id, { attempts: 0, token: "slow" })] });
      expect(await store.fanOuts.progress(key)).toMatchObject({ done: true, behind: 1 });
      expect(await store.behind.claimCatchUps(plenty, plenty, after(1e6))).toEqual([]);

      await publish(store);
      expect(await nextChunk(store)).toBeUndefined();
      const slow = { subscriptionId: id, seq: 1, token: "slow" };
      const other = { ...slow, token: "another" };
      expect(await store.behind.settleCatchUp(other, { kind: "delivered" }, record(key), start)).toBe("lost");
      expect(await store.behind.settleCatchUp(slow, { kind: "delivered" }, record(key), start)).toBe("more");
      expect(await claimCatchUp(store)).toMatchObject({ subscriptionId: id, seq: 2, attempts: 0 });
    });

    test("while its attempt still runs is due at once after a crash, which counts as no attempt", async () => {
      await using opened = await open();
      const { id } = await subscribe(opened.store);
      const key = await publish(opened.store);
      const slow = failure(id, { attempts: 0, token: "slow", dueAt: after(1e6) });
      await close(opened.store, await cut(opened.store), { behind: [slow] });
      await opened.crash();
      const { store } = opened;

      const claim = { subscriptionId: id, seq: 1, token: "slow" };
      expect(await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(key), start)).toBe("lost");
      expect(await claimCatchUp(store)).toMatchObject({ subscriptionId: id, seq: 1, attempts: 0 });
    });

    test("closes nothing by itself: what is left stays with the chunk", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 2);
      const key = await publish(store);
      const chunk = await cut(store);
      const [first, second] = idsOf(chunk);
      const report = closing(chunk, { left: [found(second)], behind: [failure(found(first))] });
      expect(await store.fanOuts.checkpoint(chunk, report, start)).toBe("kept");
      expect(await store.fanOuts.progress(key)).toMatchObject({ done: false, behind: 1 });
      expect((await claimCatchUp(store)).subscriptionId).toBe(first);
    });
  });
}
