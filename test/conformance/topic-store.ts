import { describe, expect, test } from "vitest";

import {
  after,
  callback,
  changed,
  claimFetch,
  deliverAll,
  found,
  type OpenStore,
  plenty,
  publish,
  start,
  subscribe,
  topic,
  unsubscribe,
} from "./support.ts";

const second = 1000;

export function describeTopicStore(open: OpenStore): void {
  describe("§6 a ping", () => {
    test("makes a topic with subscribers due at once; other URLs have no effect and are not stored", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await subscribe(store, { topic: "https://blog.example/deserted" });
      await unsubscribe(store, { topic: "https://blog.example/deserted" });

      const urls = [topic, "https://blog.example/unknown", "https://blog.example/deserted"];
      expect(await store.topics.ping(urls, second, start)).toEqual([topic]);

      expect(await store.topics.find("https://blog.example/unknown")).toBeUndefined();
      expect(await store.topics.claimFetches(plenty, plenty, start)).toMatchObject([{ url: topic }]);
    });

    test("sooner than the interval after the last fetch began is due when that has passed", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.ping([topic], second, start);
      await store.topics.settleFetch(await claimFetch(store), changed(), second, after(600));

      expect(await store.topics.ping([topic], second, after(700))).toEqual([topic]);

      expect(found(await store.topics.find(topic)).fetchDueAt).toEqual(after(second));
      expect(await store.topics.claimFetches(plenty, plenty, after(999))).toEqual([]);
      expect(await store.topics.claimFetches(plenty, plenty, after(second))).toHaveLength(1);
    });

    test("repeated before the fetch is merged into it, and does not put it off", async () => {
      await using opened = await open();
      const { store } = opened;
      const other = "https://blog.example/other";
      await subscribe(store);
      await subscribe(store, { topic: other });
      await store.topics.ping([topic], 0, start);
      await store.topics.ping([other], 0, after(1));
      await store.topics.ping([topic], 0, after(2));

      const [first, ...rest] = await store.topics.claimFetches(1, plenty, after(2));
      expect([first?.url, rest]).toEqual([topic, []]);
      await store.topics.settleFetch(found(first), changed(), 0, after(3));
      expect(await store.topics.claimFetches(plenty, plenty, after(4))).toMatchObject([{ url: other }]);
    });

    test("is not needed for a topic to be due again after a failed fetch, but forgives it", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.ping([topic], 0, start);
      const failed = { kind: "failed", reason: "503", failures: 1, retryAt: after(60_000) } as const;
      await store.topics.settleFetch(await claimFetch(store), failed, 0, after(1));
      expect(await store.topics.claimFetches(plenty, plenty, after(59_999))).toEqual([]);

      await store.topics.ping([topic], 0, after(2));
      expect(await claimFetch(store, after(2))).toMatchObject({ failures: 0 });
    });
  });

  describe("a claimed fetch", () => {
    test("carries what a conditional GET needs, and is nobody else's", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.ping([topic], 0, start);
      const first = await claimFetch(store);
      expect(first).toMatchObject({ url: topic, subscribers: 1, failures: 0, fingerprint: undefined });
      expect(first.validators).toEqual({ etag: undefined, lastModified: undefined });
      expect(await store.topics.claimFetches(plenty, plenty, start)).toEqual([]);

      const validators = { etag: '"1"', lastModified: "yesterday" };
      await store.topics.settleFetch(first, changed("one", validators), 0, start);
      await store.topics.ping([topic], 0, start);
      const next = await claimFetch(store);
      expect(next).toMatchObject({ fingerprint: "fingerprint of one", validators });
      expect(next.token).not.toBe(first.token);
    });

    test("counts the pings that come before it is settled: one more fetch follows, an interval after this one began", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.ping([topic], second, start);
      const claim = await claimFetch(store);
      await store.topics.ping([topic], second, after(100));
      await store.topics.ping([topic], second, after(200));
      expect(await store.topics.claimFetches(plenty, plenty, after(5 * second))).toEqual([]);

      expect(await store.topics.settleFetch(claim, changed(), second, after(300))).toBe(true);

      expect(found(await store.topics.find(topic)).fetchDueAt).toEqual(after(second));
      const again = await claimFetch(store, after(second));
      await store.topics.settleFetch(again, changed(), second, after(second));
      expect(found(await store.topics.find(topic)).fetchDueAt).toBeUndefined();
    });

    test("that failed although it was pinged meanwhile is due for the ping, not for the retry", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.ping([topic], 0, start);
      const claim = await claimFetch(store);
      await store.topics.ping([topic], second, after(100));
      const failed = { kind: "failed", reason: "503", failures: 1, retryAt: after(60_000) } as const;
      await store.topics.settleFetch(claim, failed, second, after(5 * second));

      expect(found(await store.topics.find(topic))).toMatchObject({ fetchDueAt: after(5 * second), fetchFailures: 0 });
    });

    test("that changed adds a numbered publication and starts its fan-out", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store);
      expect((await publish(store)).seq).toBe(1);
      expect((await publish(store)).seq).toBe(2);
      expect(await deliverAll(store)).toEqual([`${id}: 2`]);
    });

    test("that did not change adds nothing, and keeps the fingerprint with the new validators", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await publish(store);
      await deliverAll(store);
      await store.topics.ping([topic], 0, start);
      const validators = { etag: '"2"', lastModified: undefined };
      await store.topics.settleFetch(await claimFetch(store), { kind: "unchanged", validators }, 0, start);

      expect(await deliverAll(store)).toEqual([]);
      expect(found(await store.topics.find(topic))).toMatchObject({ lastSeq: 1, fetchDueAt: undefined });
      await store.topics.ping([topic], 0, start);
      expect(await claimFetch(store)).toMatchObject({ fingerprint: "fingerprint of content", validators });
    });

    test("that failed has the count it is told, tells why and waits; one that did not clears both", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.ping([topic], 0, start);
      for (const [i, failures] of [0, 1, 1, 2].entries()) {
        const failed = { kind: "failed", reason: `failed ${i}`, failures, retryAt: start } as const;
        await store.topics.settleFetch(await claimFetch(store), failed, 0, start);
        const told = { fetchFailures: failures, fetchError: `failed ${i}`, fetchDueAt: start };
        expect(await store.topics.find(topic)).toMatchObject(told);
      }

      const last = await claimFetch(store);
      expect(last.failures).toBe(2);
      await store.topics.settleFetch(last, changed(), 0, start);
      expect(await store.topics.find(topic)).toMatchObject({ fetchFailures: 0, fetchError: undefined });
    });

    test("that failed for good is not due", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.ping([topic], 0, start);
      const failed = { kind: "failed", reason: "gone", failures: 1, retryAt: undefined } as const;
      await store.topics.settleFetch(await claimFetch(store), failed, 0, start);
      expect(await store.topics.claimFetches(plenty, plenty, after(1e9))).toEqual([]);
    });

    test("is void after a crash: a late result writes nothing, and the topic is due as before", async () => {
      await using opened = await open();
      await subscribe(opened.store);
      await opened.store.topics.ping([topic], 0, start);
      const lost = await claimFetch(opened.store);
      await opened.crash();
      const { store } = opened;

      expect(await store.topics.settleFetch(lost, changed(), 0, start)).toBe(false);
      const claim = await claimFetch(store);
      expect(await store.topics.settleFetch(lost, changed(), 0, start)).toBe(false);
      expect(await store.topics.find(topic)).toMatchObject({ lastSeq: 0 });
      expect(await store.topics.settleFetch(claim, changed(), 0, start)).toBe(true);
      expect(await store.topics.settleFetch(claim, changed(), 0, start)).toBe(false);
      expect(await store.topics.find(topic)).toMatchObject({ lastSeq: 1 });
    });
  });

  describe("a topic", () => {
    test("tells its policy, `latest` unless set; setting that of an unknown one is refused", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      expect(await store.topics.find(topic)).toMatchObject({
        policy: "latest",
        subscribers: 1,
        url: topic,
        lastSeq: 0,
      });
      await store.topics.setPolicy(topic, "every");
      expect(await store.topics.find(topic)).toMatchObject({ policy: "every" });
      const unknown = store.topics.setPolicy("https://blog.example/unknown", "every");
      await expect(unknown).rejects.toMatchObject({ code: "not_found" });
    });

    test("is forgotten once nobody is subscribed and nothing is on its way, and never has the same id again", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      const key = await publish(store);
      expect(await store.topics.removeIdle(plenty)).toBe(0);
      await store.subscriptions.remove(topic, callback);
      expect(await store.topics.removeIdle(plenty)).toBe(0);

      await deliverAll(store);
      await store.publications.removeSettled(plenty);
      expect(await store.topics.removeIdle(plenty)).toBe(0);
      expect(await store.fanOuts.progress(key)).toMatchObject({ done: true });
      await store.fanOuts.removeDone(after(1), plenty);
      expect(await store.topics.removeIdle(plenty)).toBe(1);
      expect(await store.topics.find(topic)).toBeUndefined();
      await subscribe(store);
      expect(found(await store.topics.find(topic)).id).toBeGreaterThan(key.topicId);
    });

    test("is not forgotten while it is being fetched, and not more than asked for are at a time", async () => {
      await using opened = await open();
      const { store } = opened;
      const urls = ["https://blog.example/1", "https://blog.example/2", topic];
      for (const url of urls) await subscribe(store, { topic: url });
      await store.topics.ping([topic], 0, start);
      const fetch = await claimFetch(store);
      for (const url of urls) await store.subscriptions.remove(url, callback);

      expect(await store.topics.removeIdle(1)).toBe(1);
      expect(await store.topics.removeIdle(plenty)).toBe(1);
      expect(await store.topics.find(topic)).toMatchObject({ subscribers: 0 });
      await store.topics.settleFetch(
        fetch,
        { kind: "failed", reason: "late", failures: 1, retryAt: after(1) },
        0,
        start,
      );
      expect(await store.topics.claimFetches(plenty, plenty, after(1))).toEqual([]);
      expect(await store.topics.removeIdle(plenty)).toBe(1);
    });
  });
}
