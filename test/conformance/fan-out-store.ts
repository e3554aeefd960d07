import { describe, expect, test } from "vitest";

import type { Store } from "../../src/store/store.ts";
import {
  after,
  callback,
  close,
  cut,
  cutAll,
  deliverAll,
  failNext,
  failure,
  found,
  idsOf,
  only,
  type OpenStore,
  plenty,
  publish,
  start,
  subscribe,
  subscribeMany,
  topic,
  unsubscribe,
} from "./support.ts";

const other = "https://blog.example/other";

export function describeFanOutStore(open: OpenStore): void {
  describe("§7 cutting", () => {
    test("is idle when nothing was published, and when all is cut", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      expect(await store.fanOuts.claimChunk(start)).toEqual({ kind: "idle" });
      await publish(store);
      expect(await store.fanOuts.claimChunk(start)).toMatchObject({ kind: "chunk" });
      expect(await store.fanOuts.claimChunk(start)).toEqual({ kind: "idle" });
    });

    test("tells all that a delivery needs", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store, { secret: "s3cret", signatureMethod: "sha384" });
      const { id } = await subscribe(store, { secret: "newer", signatureMethod: "sha512" });
      await subscribe(store, { callback: `${callback}?2` });
      await subscribe(store, { topic: other });
      const key = await publish(store);

      const chunk = await cut(store);
      expect(chunk).toMatchObject({ ...key, logSuccesses: true });
      const [first, second, ...rest] = chunk.recipients;
      expect([first?.subscriptionId, first?.callback, first?.secret]).toEqual([id, callback, "newer"]);
      expect([first?.signatureMethod, rest]).toEqual(["sha512", []]);
      expect(second).toMatchObject({ callback: `${callback}?2`, secret: undefined, signatureMethod: undefined });
      expect(found(first).generation).toBeGreaterThan(found(second).generation);
    });

    test("takes every subscription once, about 1000 at a time, each chunk with a token of its own", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 2500);
      const key = await publish(store);

      const chunks = await cutAll(store);
      expect(chunks.length).toBeGreaterThan(1);
      expect(new Set(chunks.map((chunk) => chunk.token)).size).toBe(chunks.length);
      expect(chunks.every((chunk) => !chunk.logSuccesses)).toBe(true);
      const ids = chunks.flatMap(idsOf);
      expect([ids.length, new Set(ids).size]).toEqual([2500, 2500]);
      for (const chunk of chunks) await close(store, chunk);
      expect(await store.fanOuts.progress(key)).toMatchObject({ done: true, delivered: 2500 });
    });

    test("passes over leases that are over", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store, { leaseSeconds: 10 });
      const { id } = await subscribe(store, { callback: `${callback}?2` });
      await publish(store);
      expect(idsOf(await cut(store, after(10_000)))).toEqual([id]);
    });

    test("passes over who is activated in the middle of it", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 1100);
      await publish(store);
      const first = await cut(store);
      const { id } = await subscribe(store);
      const rest = await cutAll(store);

      expect(idsOf(first).length + rest.flatMap(idsOf).length).toBe(1100);
      expect(rest.flatMap(idsOf)).not.toContain(id);
      for (const chunk of [first, ...rest]) await close(store, chunk);
      await publish(store);
      expect((await deliverAll(store)).length).toBe(1101);
    });

    test("hands over who is behind; a page of nothing else makes no chunk", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store);
      await failNext(store, { dueAt: after(1) });
      const key = await publish(store);
      expect(await store.fanOuts.claimChunk(start)).toEqual({ kind: "cut" });
      expect(await store.fanOuts.claimChunk(start)).toEqual({ kind: "idle" });
      expect(await store.fanOuts.progress(key)).toMatchObject({ done: true, delivered: 0, handedOver: 1 });
      expect(await deliverAll(store, after(1))).toEqual([`${id}: 2`]);
    });

    test("of fan-outs takes turns: a small topic passes the tail of a big one", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 2500);
      await subscribe(store, { topic: other });
      await subscribe(store, { topic: `${topic}?3` });
      const big = await publish(store);
      expect((await cut(store)).topicId).toBe(big.topicId);
      const second = await publish(store, other);
      const third = await publish(store, `${topic}?3`);

      const turns = (await cutAll(store)).map((chunk) => chunk.topicId);
      expect(turns).toEqual([second.topicId, third.topicId, big.topicId, big.topicId]);
    });
  });

  describe("topics left out of cutting", () => {
    test("are not cut, however long the others take, and are when they are left out no more", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await subscribe(store, { topic: other });
      const { topicId: first } = await publish(store);
      const { topicId: second } = await publish(store, other);
      expect(await store.fanOuts.claimChunk(start, [first, second, 99])).toEqual({ kind: "idle" });
      expect(await store.fanOuts.claimChunk(start, [first])).toMatchObject({ chunk: { topicId: second } });
      expect(await store.fanOuts.claimChunk(start, [first])).toEqual({ kind: "idle" });
      expect(await store.fanOuts.claimChunk(start, [second])).toMatchObject({ chunk: { topicId: first } });
    });

    test("have their chunks claimed all the same when the owner is gone", async () => {
      await using opened = await open();
      await subscribe(opened.store);
      const { topicId } = await publish(opened.store);
      const { id } = await cut(opened.store);
      await opened.crash();
      const claimed = await opened.store.fanOuts.claimChunk(start, [topicId]);
      expect(claimed).toMatchObject({ kind: "chunk", chunk: { id, topicId } });
    });
  });

  describe("a chunk whose owner is gone", () => {
    test("is claimed again before anything is cut, with exactly what it has left to do", async () => {
      await using opened = await open();
      await subscribeMany(opened.store, 1005);
      await publish(opened.store);
      const lost = await cut(opened.store);
      const left = idsOf(lost).slice(0, 7);
      const failed = idsOf(lost).slice(7, 9);
      await close(opened.store, lost, { left, behind: failed.map((id) => failure(id)) });
      await opened.crash();
      const { store } = opened;
      const [unsubscribed, lapsed, ...rest] = lost.recipients.slice(0, 7);
      await unsubscribe(store, { callback: found(unsubscribed).callback });
      await subscribe(store, { callback: found(lapsed).callback, leaseSeconds: 1 });
      const renewed = await subscribe(store, { callback: found(rest[0]).callback, secret: "renewed" });

      const chunk = await cut(store, after(1000));
      expect(chunk).toMatchObject({ id: lost.id, seq: 1, logSuccesses: false });
      expect(idsOf(chunk)).toEqual(left.slice(2));
      expect(chunk.token).not.toBe(lost.token);
      expect(chunk.recipients[0]).toMatchObject({ subscriptionId: renewed.id, secret: "renewed" });
      expect((await cutAll(store)).flatMap(idsOf)).toHaveLength(5);
    });

    test("that has nobody left to deliver to is claimed and closed all the same", async () => {
      await using opened = await open();
      await subscribe(opened.store);
      const key = await publish(opened.store);
      await cut(opened.store);
      await opened.crash();
      await unsubscribe(opened.store);
      const chunk = await cut(opened.store);
      expect(chunk.recipients).toEqual([]);
      expect(await close(opened.store, chunk)).toBe("kept");
      expect(await opened.store.fanOuts.progress(key)).toMatchObject({ done: true });
    });

    test("of a small topic has its successes logged one by one", async () => {
      await using opened = await open();
      await subscribe(opened.store);
      await publish(opened.store);
      await cut(opened.store);
      await opened.crash();
      expect(await cut(opened.store)).toMatchObject({ logSuccesses: true });
    });
  });

  describe("a fan-out", () => {
    test("that is unknown has no progress", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      const key = await publish(store);
      expect(await store.fanOuts.progress({ ...key, seq: 2 })).toBeUndefined();
      const none = { done: false, delivered: 0, behind: 0, handedOver: 0, gone: 0 };
      expect(await store.fanOuts.progress(key)).toEqual(none);
    });

    test("is removed when it has been done for long, not more than asked for at a time", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      const keys = [await finish(store, 1), await finish(store, 2), await finish(store, 3)];
      const current = await publish(store);
      await store.publications.removeSettled(plenty);

      expect(await store.fanOuts.removeDone(after(1), plenty)).toBe(0);
      expect(await store.fanOuts.removeDone(after(3), 1)).toBe(1);
      expect(await store.fanOuts.removeDone(after(3), plenty)).toBe(1);
      expect(await store.fanOuts.progress(found(keys[2]))).toMatchObject({ done: true });
      expect(await store.fanOuts.removeDone(after(1e9), plenty)).toBe(1);
      for (const key of keys) expect(await store.fanOuts.progress(key)).toBeUndefined();
      expect(await store.fanOuts.progress(current)).toMatchObject({ done: false });
    });

    test("stays for as long as its publication is owed to somebody", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      const key = await failNext(store, { dueAt: after(100) });
      await store.publications.removeSettled(plenty);
      expect(await store.fanOuts.removeDone(after(1e9), plenty)).toBe(0);
      expect(await deliverAll(store, after(100))).toHaveLength(1);
      expect(await store.publications.removeSettled(plenty)).toBe(1);
      expect(await store.fanOuts.removeDone(after(1e9), plenty)).toBe(1);
      expect(await store.fanOuts.progress(key)).toBeUndefined();
    });
  });
}

async function finish(store: Store, at: number) {
  const key = await publish(store);
  const chunk = only(await cutAll(store));
  await store.fanOuts.checkpoint(chunk, { left: [], delivered: 1, behind: [], gone: [], log: [] }, after(at));
  return key;
}
