import { describe, expect, test } from "vitest";

import type { AttemptRecord } from "../../src/model/delivery.ts";
import type { Store } from "../../src/store/store.ts";
import { after, callback, close, cut, type OpenStore, plenty, publish, record, subscribe, topic } from "./support.ts";

export function describeAttemptStore(open: OpenStore): void {
  describe("the delivery log", () => {
    test("tells the newest records of a topic, newest first, as they were written", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store);
      const key = await publish(store);
      const written: readonly AttemptRecord[] = [
        record(key, { count: 812, at: after(1) }),
        record(key, { subscriptionId: id, attempt: 3, outcome: "gone", status: 410, durationMs: 15_000, at: after(2) }),
        record(key, { subscriptionId: id, outcome: "failed", status: undefined, reason: "timed out", at: after(3) }),
        record(key, { subscriptionId: id, outcome: "given_up", status: 500, at: after(4) }),
      ];
      await close(store, await cut(store), { log: written });
      await log(store, `${topic}?2`, 1);

      expect(await store.attempts.newest(key.topicId, plenty)).toEqual(written.toReversed());
      expect(await store.attempts.newest(key.topicId, 2)).toEqual(written.toReversed().slice(0, 2));
      expect(await store.attempts.newest(key.topicId + 99, plenty)).toEqual([]);
    });

    test("is trimmed by age, not more than asked for at a time", async () => {
      await using opened = await open();
      const { store } = opened;
      const topicId = await log(store, topic, 5);

      expect(await store.attempts.trim(after(1), plenty, plenty)).toBe(0);
      expect(await store.attempts.trim(after(3), plenty, 1)).toBe(1);
      expect(await store.attempts.trim(after(3), plenty, plenty)).toBe(1);
      expect(await times(store, topicId)).toEqual([5, 4, 3]);
    });

    test("is trimmed by count, over all topics", async () => {
      await using opened = await open();
      const { store } = opened;
      const topicId = await log(store, topic, 5);
      const other = await log(store, `${topic}?2`, 2);

      expect(await store.attempts.trim(after(0), 7, plenty)).toBe(0);
      expect(await store.attempts.trim(after(0), 3, plenty)).toBe(4);
      expect(await store.attempts.trim(after(0), 3, plenty)).toBe(0);
      expect(await times(store, topicId)).toEqual([5]);
      expect(await times(store, other)).toEqual([2, 1]);
    });

    test("keeps nothing when it is to keep nothing", async () => {
      await using opened = await open();
      const { store } = opened;
      const topicId = await log(store, topic, 3);
      expect(await store.attempts.trim(after(0), 0, plenty)).toBe(3);
      expect(await times(store, topicId)).toEqual([]);
    });
  });
}

/** Writes records of the moments 1 to `count`. */
async function log(store: Store, url: string, count: number): Promise<number> {
  await subscribe(store, { topic: url, callback: `${callback}?${count}` });
  const key = await publish(store, url);
  const moments = Array.from({ length: count }, (_, i) => after(i + 1));
  await close(store, await cut(store), { log: moments.map((at) => record(key, { at })) });
  return key.topicId;
}

async function times(store: Store, topicId: number): Promise<readonly number[]> {
  const records = await store.attempts.newest(topicId, plenty);
  return records.map((one) => one.at.getTime() - after(0).getTime());
}
