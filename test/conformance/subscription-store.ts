import { describe, expect, test } from "vitest";

import {
  after,
  callback,
  claimCatchUp,
  close,
  cut,
  failNext,
  found,
  idsOf,
  type OpenStore,
  plenty,
  publish,
  start,
  subscribe,
  topic,
} from "./support.ts";

export function describeSubscriptionStore(open: OpenStore): void {
  describe("§5.3.1 the end of a lease", () => {
    test("ends the subscription from that moment on, not more than asked for at a time", async () => {
      await using opened = await open();
      const { store } = opened;
      const callbacks = [1, 2, 3].map((i) => `${callback}?${i}`);
      for (const one of callbacks) await subscribe(store, { callback: one, leaseSeconds: 10 });
      await subscribe(store, { leaseSeconds: 11 });

      expect(await store.subscriptions.endLapsed(after(9999), plenty)).toBe(0);
      expect(await store.subscriptions.endLapsed(after(10_000), 2)).toBe(2);
      expect(await store.topics.find(topic)).toMatchObject({ subscribers: 2 });
      expect(await store.subscriptions.endLapsed(after(10_000), plenty)).toBe(1);
      for (const one of callbacks) expect(await store.subscriptions.find(topic, one)).toBeUndefined();
      expect(await store.subscriptions.find(topic, callback)).toMatchObject({ expiresAt: after(11_000) });
    });

    test("is put off by a renewal", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store, { leaseSeconds: 10 });
      await subscribe(store, { leaseSeconds: 10 }, after(5000));
      expect(await store.subscriptions.endLapsed(after(14_999), plenty)).toBe(0);
    });

    test("ends what is owed with it, and lets the publication go", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store, { leaseSeconds: 10 });
      const key = await failNext(store, { dueAt: after(20_000) });
      expect(await store.publications.removeSettled(plenty)).toBe(0);
      await store.subscriptions.endLapsed(after(10_000), plenty);
      expect(await store.behind.claimCatchUps(plenty, plenty, after(20_000))).toEqual([]);
      expect(await store.publications.removeSettled(plenty)).toBe(1);
      await expect(store.publications.load(key)).rejects.toMatchObject({ code: "not_found" });
    });
  });

  describe("a subscription", () => {
    test("is one of its pair: other topics and callbacks have none", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store);
      await subscribe(store, { callback: `${callback}?2` });
      await subscribe(store, { topic: `${topic}?2` });
      expect(await store.subscriptions.find(topic, callback)).toMatchObject({ id });
      expect(await store.subscriptions.find(`${topic}?2`, `${callback}?2`)).toBeUndefined();
      expect(await store.topics.find(topic)).toMatchObject({ subscribers: 2 });
    });

    test("is removed by the operator with all it was owed, once", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      const kept = await subscribe(store, { callback: `${callback}?2` });
      await failNext(store);

      expect(await store.subscriptions.remove(topic, callback)).toBe(true);
      expect(await store.subscriptions.remove(topic, callback)).toBe(false);
      expect(await store.subscriptions.remove("https://blog.example/unknown", callback)).toBe(false);

      expect(await store.subscriptions.find(topic, callback)).toBeUndefined();
      expect(await store.topics.find(topic)).toMatchObject({ subscribers: 1 });
      expect(await claimCatchUp(store)).toMatchObject({ subscriptionId: kept.id });
    });

    test("is owed what is published after its activation, not a fan-out under way", async () => {
      await using opened = await open();
      const { store } = opened;
      const early = await subscribe(store);
      await publish(store);
      const late = await subscribe(store, { callback: `${callback}?late` });
      expect([early.firstSeq, late.firstSeq]).toEqual([1, 2]);

      const first = await cut(store);
      expect(idsOf(first)).toEqual([early.id]);
      await close(store, first);
      expect(await store.fanOuts.claimChunk(start)).toEqual({ kind: "idle" });
      const next = await publish(store);
      const second = await cut(store);
      expect([second.seq, idsOf(second)]).toEqual([next.seq, [early.id, late.id]]);
    });

    test("keeps its figures over a restart", async () => {
      await using opened = await open();
      const before = await subscribe(opened.store, { secret: "s3cret", signatureMethod: "sha512" });
      await opened.crash();
      expect(found(await opened.store.subscriptions.find(topic, callback))).toEqual(before);
    });
  });
}
