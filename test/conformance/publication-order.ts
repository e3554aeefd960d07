import { describe, expect, test } from "vitest";

import type { PublicationKey } from "../../src/model/publication.ts";

import {
  callback,
  close,
  cut,
  cutAll,
  deliverAll,
  found,
  idsOf,
  nextChunk,
  type OpenStore,
  publish,
  start,
  subscribe,
  subscribeMany,
  topic,
} from "./support.ts";

const other = "https://blog.example/other";

export function describePublicationOrder(open: OpenStore): void {
  describe("publications of one topic", () => {
    test.each(["latest", "every"] as const)(
      "%s: the next is not cut until this one is done, even when all is cut",
      async (policy) => {
        await using opened = await open();
        const { store } = opened;
        await subscribe(store);
        const { id } = await subscribe(store, { callback: `${callback}?2` });
        await store.topics.setPolicy(topic, policy);
        const first = await publish(store);
        const chunk = await cut(store);
        expect(await store.fanOuts.isLaterWaiting(first)).toBe(false);
        const second = await publish(store);

        expect(await store.fanOuts.isLaterWaiting(first)).toBe(true);
        expect(await store.fanOuts.isLaterWaiting(second)).toBe(false);
        expect(await store.fanOuts.claimChunk(start)).toEqual({ kind: "idle" });
        await close(store, chunk, { left: [id] });
        expect(await store.fanOuts.claimChunk(start)).toEqual({ kind: "idle" });
        await close(store, chunk);
        const next = await cut(store);
        expect(next.seq).toBe(2);
        await close(store, next);
        expect(await store.fanOuts.isLaterWaiting(first)).toBe(false);
      },
    );

    test("do not wait for those of another topic", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await subscribe(store, { topic: other });
      const first = await publish(store);
      await cut(store);
      const second = await publish(store, other);
      expect(await store.fanOuts.isLaterWaiting(first)).toBe(false);
      expect((await cut(store)).topicId).toBe(second.topicId);
    });

    test("every: a queue of more than a hundred keeps waiting none of another topic: they take turns", async () => {
      await using opened = await open();
      const { store } = opened;
      const others = [1, 2, 3].map((i) => `${other}?${i}`);
      for (const one of [topic, ...others]) await subscribe(store, { topic: one });
      await store.topics.setPolicy(topic, "every");
      const queue = 105;
      for (let i = 0; i < queue; i += 1) await publish(store);
      const first = await cut(store);
      const keys: PublicationKey[] = [];
      for (const one of others) keys.push(await publish(store, one));
      const [skipped] = keys;
      const skipping = () => store.fanOuts.claimChunk(start, [found(skipped).topicId]);
      for (const key of keys.slice(1)) expect(await skipping()).toMatchObject({ chunk: key });
      expect(await skipping()).toEqual({ kind: "idle" });
      expect(await cut(store)).toMatchObject(found(skipped));
      expect(await nextChunk(store)).toBeUndefined();
      await close(store, first);
      const second = await cut(store);
      expect(second).toMatchObject({ topicId: first.topicId, seq: 2 });
      await close(store, second);
      expect(await deliverAll(store)).toHaveLength(queue - 2);
    });

    test("every: all of them reach everybody, in order", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 2500);
      await store.topics.setPolicy(topic, "every");
      await publish(store);
      const first = await cut(store);
      await publish(store);
      await close(store, first);

      const deliveries = [...idsOf(first).map((id) => `${id}: 1`), ...(await deliverAll(store))];
      expect(deliveries.filter((one) => one.endsWith(": 1"))).toHaveLength(2500);
      expect(deliveries.filter((one) => one.endsWith(": 2"))).toHaveLength(2500);
      expect(new Set(deliveries).size).toBe(5000);
      expect(deliveries.findLastIndex((one) => one.endsWith(": 1"))).toBe(2499);
    });

    test("latest: the next stops this one, starts where it stopped, and wraps round", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 2500);
      const old = await publish(store);
      const first = await cut(store);
      const key = await publish(store);
      expect(await nextChunk(store)).toBeUndefined();
      await close(store, first);
      expect(await store.fanOuts.progress(old)).toMatchObject({ done: true, delivered: first.recipients.length });

      const chunks = await cutAll(store);
      const ids = chunks.flatMap(idsOf);
      expect(chunks.every((chunk) => chunk.seq === key.seq)).toBe(true);
      expect([ids.length, new Set(ids).size]).toEqual([2500, 2500]);
      const reached = new Set(idsOf(first));
      expect(ids.findIndex((id) => reached.has(id))).toBe(2500 - reached.size);
      for (const chunk of chunks) await close(store, chunk);
      expect(await store.fanOuts.progress(key)).toMatchObject({ done: true, delivered: 2500 });
    });

    test("latest: publishing faster than a round takes starves nobody", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 2500);
      const reached = new Set<number>();
      await publish(store);
      const counts: number[] = [];
      for (let page = 0; page < 6; page += 1) {
        const chunk = await cut(store);
        for (const id of idsOf(chunk)) reached.add(id);
        await publish(store);
        await publish(store);
        await close(store, chunk);
        counts.push(reached.size);
      }
      expect(counts.slice(2)).toEqual([2500, 2500, 2500, 2500]);
      const ids = (await cutAll(store)).flatMap(idsOf);
      expect([ids.length, new Set(ids).size]).toEqual([2500, 2500]);
    });

    test("latest: the one that was stopped uncut is done, and no longer waited for", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      const first = await publish(store);
      const second = await publish(store);
      expect(await store.fanOuts.progress(first)).toMatchObject({ done: true, delivered: 0 });
      expect(await store.fanOuts.isLaterWaiting(second)).toBe(false);
      expect((await cut(store)).seq).toBe(2);
    });
  });
}
