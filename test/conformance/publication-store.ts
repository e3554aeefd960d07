import { describe, expect, test } from "vitest";

import {
  after,
  callback,
  changed,
  claimCatchUp,
  claimFetch,
  close,
  cut,
  cutAll,
  deliverAll,
  failNext,
  failure,
  found,
  idsOf,
  intent,
  nextChunk,
  type OpenStore,
  plenty,
  publish,
  record,
  settleIntents,
  start,
  subscribe,
  topic,
  wait,
} from "./support.ts";

export function describePublicationStore(open: OpenStore): void {
  describe("§7 a publication", () => {
    test("is kept as it was fetched, byte by byte", async () => {
      await using opened = await open();
      await subscribe(opened.store);
      await opened.store.topics.ping([topic], 0, start);
      const content = {
        body: Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
        contentType: 'text/html; charset="x"',
        links: { hubs: ["https://hub.example/", "https://hub2.example/"], self: topic },
      };
      const outcome = { ...changed(), content } as const;
      await opened.store.topics.settleFetch(await claimFetch(opened.store), outcome, 0, after(7));
      await opened.crash();

      const key = found(await nextChunk(opened.store));
      const { topicId, seq } = key;
      const loaded = await opened.store.publications.load(key);
      expect(loaded).toEqual({ topicId, seq, topicUrl: topic, publishedAt: after(7), ...content });
      expect(await opened.store.publications.bodyBytes(key)).toBe(256);
    });

    test("that is removed while its large body is read is gone: nothing else is read in its place", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.ping([topic], 0, start);
      await store.topics.settleFetch(await claimFetch(store), changed(Buffer.alloc(6_000_000, "x")), 0, start);
      const chunk = await cut(store);
      const reading = store.publications.load(chunk).then(
        ({ body }) => body.length,
        (error: unknown) => error,
      );
      await close(store, chunk);
      expect(await store.publications.removeSettled(1)).toBe(1);
      expect(await reading).toMatchObject({ code: "not_found" });
    });

    test("is numbered per topic from 1 without gaps", async () => {
      await using opened = await open();
      const { store } = opened;
      const other = "https://blog.example/other";
      await subscribe(store);
      await subscribe(store, { topic: other });
      const keys = [await publish(store), await publish(store, other), await publish(store), await publish(store)];
      expect(keys.map((key) => key.seq)).toEqual([1, 1, 2, 3]);
    });

    test("may be empty", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.ping([topic], 0, start);
      await store.topics.settleFetch(await claimFetch(store), changed(""), 0, start);
      expect((await store.publications.load(await cut(store))).body).toEqual(Buffer.alloc(0));
    });

    test("that is large is kept byte by byte, and leaves nothing behind when it goes", async () => {
      await using opened = await open();
      const { id } = await subscribe(opened.store);
      const body = Buffer.from(Array.from({ length: 1_000_003 }, (_, i) => (i * i) % 251));
      await opened.store.topics.ping([topic], 0, start);
      expect(await opened.store.topics.settleFetch(await claimFetch(opened.store), changed(body), 0, start)).toBe(true);
      await opened.crash();

      const { store } = opened;
      const chunk = await cut(store);
      expect((await store.publications.load(chunk)).body.equals(body)).toBe(true);
      expect(await store.publications.bodyBytes(chunk)).toBe(body.length);
      expect(await opened.countParts()).toBeGreaterThan(1);
      await close(store, chunk, { left: [id] });
      await close(store, chunk);
      expect(await store.publications.removeSettled(plenty)).toBe(1);
      expect(await opened.countParts()).toBe(0);
    });

    test("that is large leaves nothing behind either when its fetch has lost the claim", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.ping([topic], 0, start);
      const claim = await claimFetch(store);
      await store.topics.release(claim);
      expect(await store.topics.settleFetch(claim, changed(Buffer.alloc(1_000_000)), 0, start)).toBe(false);
      expect(await opened.countParts()).toBe(0);
    });

    test("is kept while it is uncut, and while a chunk is open; then it goes, and is not found", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store);
      const key = await publish(store);
      expect(await store.publications.removeSettled(plenty)).toBe(0);
      const chunk = await cut(store);
      expect(await store.publications.removeSettled(plenty)).toBe(0);
      await close(store, chunk, { left: [id] });
      expect(await store.publications.removeSettled(plenty)).toBe(0);
      await close(store, chunk);

      expect(await store.publications.removeSettled(plenty)).toBe(1);
      await expect(store.publications.load(key)).rejects.toMatchObject({ code: "not_found" });
      await expect(store.publications.load({ ...key, seq: 99 })).rejects.toMatchObject({ code: "not_found" });
      await expect(store.publications.bodyBytes(key)).rejects.toMatchObject({ code: "not_found" });
    });

    test("of an `every` topic is kept from the first one owed to the last", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.setPolicy(topic, "every");
      const first = await failNext(store);
      const second = await publish(store);
      await nextChunk(store);
      expect(await store.publications.removeSettled(plenty)).toBe(0);

      const claim = await claimCatchUp(store);
      expect(await store.publications.removeSettled(plenty)).toBe(0);
      await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start);
      expect(await store.publications.removeSettled(plenty)).toBe(1);
      await expect(store.publications.load(first)).rejects.toMatchObject({ code: "not_found" });
      expect(await store.publications.load(second)).toMatchObject({ seq: 2 });
      expect(await claimCatchUp(store)).toMatchObject({ seq: 2 });
      expect(await store.publications.removeSettled(plenty)).toBe(0);
    });

    test("of a `latest` topic is kept for the attempt that is about it, although a newer one was handed over", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store);
      await failNext(store);
      const claim = await claimCatchUp(store);
      await publish(store);
      expect(await nextChunk(store)).toBeUndefined();

      expect(await store.publications.removeSettled(plenty)).toBe(0);
      expect(await store.publications.load(claim)).toMatchObject({ seq: 1 });
      const failed = { kind: "failed", ...wait({ attempts: 2, dueAt: start }) } as const;
      await store.behind.settleCatchUp(claim, failed, record(claim), start);
      expect(await claimCatchUp(store)).toMatchObject({ subscriptionId: id, seq: 2 });
      expect(await store.publications.removeSettled(plenty)).toBe(1);
    });

    test("that nobody waits for goes, although an older one of the topic is owed and a newer one too", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await failNext(store);
      for (let i = 0; i < 2; i += 1) {
        await publish(store);
        expect(await nextChunk(store)).toBeUndefined();
      }
      expect(await store.publications.removeSettled(1)).toBe(1);
      expect(await store.publications.removeSettled(plenty)).toBe(1);
      expect(await deliverAll(store)).toEqual([expect.stringMatching(/: 3$/)]);
    });

    test("that was passed over stays while an earlier one is on its way: it is owed should the policy change", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store);
      await publish(store);
      const chunk = await cut(store);
      await publish(store);
      await publish(store);
      await store.publications.removeSettled(plenty);
      await close(store, chunk, { behind: idsOf(chunk).map((one) => failure(one)) });
      await store.topics.setPolicy(topic, "every");
      expect(await nextChunk(store)).toBeUndefined();

      for (const seq of [1, 2, 3]) {
        const claim = await claimCatchUp(store);
        expect(claim).toMatchObject({ subscriptionId: id, seq });
        expect(await store.publications.load(claim)).toMatchObject({ seq });
        await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start);
        await store.publications.removeSettled(plenty);
      }
    });

    test("goes although there are many that are kept", async () => {
      await using opened = await open();
      const { store } = opened;
      const urls = Array.from({ length: 1010 }, (_, i) => `https://blog-${i}.example/`);
      await Promise.all(urls.map((url) => store.intents.addIntent(intent({ topic: url }), start)));
      await settleIntents(store, { next: "apply", verifiedAt: start });
      await store.topics.ping(urls, 0, start);
      for (let claims = await claimFetches(); claims.length > 0; claims = await claimFetches()) {
        await Promise.all(claims.map((claim) => store.topics.settleFetch(claim, changed(), 0, start)));
      }
      const chunks = (await cutAll(store)).toSorted((one, other) => one.topicId - other.topicId);
      const kept = chunks.slice(0, -3);
      await Promise.all(kept.map((one) => close(store, one, { behind: idsOf(one).map((id) => failure(id)) })));
      await Promise.all(chunks.slice(-3).map((one) => close(store, one)));

      expect(await store.publications.removeSettled(2)).toBe(2);
      expect(await store.publications.removeSettled(plenty)).toBe(1);
      expect(await store.publications.removeSettled(plenty)).toBe(0);
      for (const one of kept.slice(-2)) expect(await store.publications.load(one)).toMatchObject({ seq: 1 });

      function claimFetches() {
        return store.topics.claimFetches(plenty, plenty, start);
      }
    });

    test("without subscribers is settled at once", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await publish(store);
      await store.subscriptions.remove(topic, callback);
      expect(await nextChunk(store)).toBeUndefined();
      expect(await store.publications.removeSettled(plenty)).toBe(1);
    });
  });
}
