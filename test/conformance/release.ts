import { describe, expect, test } from "vitest";

import {
  after,
  changed,
  claimFetch,
  claimIntent,
  close,
  closing,
  cut,
  found,
  idsOf,
  intent,
  nextChunk,
  type OpenStore,
  plenty,
  publish,
  start,
  subscribe,
  subscribeMany,
  topic,
} from "./support.ts";

/** Promise E: what a hub has claimed and not begun when it ends is there for others at once. */
export function describeRelease(open: OpenStore): void {
  describe("promise E: what is released", () => {
    test("a verification can be claimed again at once, with the tries it had; late decisions are refused", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.intents.addIntent(intent(), start);
      await store.intents.settleIntent(await claimIntent(store), { next: "retry", attempts: 2, at: after(5) }, start);
      const claim = await claimIntent(store, after(5));
      await store.intents.release(claim);
      expect(await store.intents.claimIntents(plenty, plenty, after(4))).toEqual([]);
      const again = await claimIntent(store, after(5));
      expect(again).toEqual({ ...claim, token: again.token });
      expect(again.token).not.toBe(claim.token);

      expect(await store.intents.settleIntent(claim, { next: "drop", reason: "late" }, after(5))).toBe("lost");
      await store.intents.release(claim);
      expect(await store.intents.settleIntent(again, { next: "drop", reason: "ours" }, after(5))).toBe("settled");
    });

    test("a fetch can be claimed again at once; late outcomes are refused", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.ping([topic], 0, start);
      const claim = await claimFetch(store);
      await store.topics.release(claim);
      expect(await store.topics.claimFetches(plenty, plenty, after(-1))).toEqual([]);
      const again = await claimFetch(store);
      expect(again).toEqual({ ...claim, token: again.token });
      expect(again.token).not.toBe(claim.token);

      expect(await store.topics.settleFetch(claim, changed(), 0, start)).toBe(false);
      await store.topics.release(claim);
      expect(await store.topics.settleFetch(again, changed(), 0, start)).toBe(true);
      expect(found(await store.topics.find(topic)).lastSeq).toBe(1);
    });

    test("a chunk can be claimed again at once, with what is left of it; late checkpoints are refused", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 5);
      const key = await publish(store);
      const chunk = await cut(store);
      const left = idsOf(chunk).slice(2);
      await store.fanOuts.checkpoint(chunk, closing(chunk, { left }), start);
      await store.fanOuts.release(chunk);
      const again = await cut(store);
      expect([again.id, idsOf(again)]).toEqual([chunk.id, left]);
      expect(again.token).not.toBe(chunk.token);
      expect(await nextChunk(store)).toBeUndefined();

      expect(await close(store, chunk)).toBe("lost");
      await store.fanOuts.release(chunk);
      expect(await close(store, again)).toBe("kept");
      expect(await store.fanOuts.progress(key)).toMatchObject({ done: true, delivered: 5 });
    });

    test("a chunk that is released and that nobody has claimed yet takes no more checkpoints", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 2);
      await publish(store);
      const chunk = await cut(store);
      await store.fanOuts.release(chunk);
      expect(await close(store, chunk)).toBe("lost");
      expect(idsOf(await cut(store))).toEqual(idsOf(chunk));
    });
  });
}
