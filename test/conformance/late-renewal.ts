import { describe, expect, test } from "vitest";

import type { Store } from "../../src/store/store.ts";
import {
  after,
  callback,
  claimCatchUp,
  close,
  cut,
  failNext,
  found,
  idsOf,
  nextChunk,
  type OpenStore,
  plenty,
  publish,
  record,
  subscribe,
  topic,
  wait,
} from "./support.ts";

const over = after(10_000);

export function describeLateRenewal(open: OpenStore): void {
  describe("what a subscription was owed whose renewal comes after its lease", () => {
    test("is given up and logged once, and the new one is owed what comes next", async () => {
      await using opened = await open();
      const { store } = opened;
      const first = await subscribe(store, { leaseSeconds: 10 });
      await store.topics.setPolicy(topic, "every");
      await failNext(store, { attempts: 3 });
      await publish(store);
      expect(await nextChunk(store)).toBeUndefined();
      const second = await subscribe(store, {}, over);
      expect(second).toMatchObject({ firstSeq: 3 });
      expect(await recordsOf(store)).toMatchObject([
        { ...givenUp, subscriptionId: first.id, seq: 2, count: 2, attempt: 3, at: over },
      ]);
      expect(await store.subscriptions.endLapsed(over, plenty)).toBe(0);
      expect(await store.topics.find(topic)).toMatchObject({ subscribers: 1 });
      expect(await store.behind.claimCatchUps(plenty, plenty, over)).toEqual([]);
      await publish(store);
      expect(idsOf(await cut(store, over))).toEqual([second.id]);
    });

    test("is given up and logged once, though its last attempt ends after that", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store, { leaseSeconds: 10 });
      await failNext(store);
      const claim = await claimCatchUp(store);
      await subscribe(store, {}, over);
      const last = record(claim, { outcome: "given_up", attempt: 2 });
      expect(await store.behind.settleCatchUp(claim, { kind: "given_up", ...wait() }, last, over)).toBe("lost");
      const records = await recordsOf(store);
      expect(records.map(({ outcome, attempt }) => [outcome, attempt])).toEqual([
        ["failed", 2],
        ["given_up", 1],
      ]);
    });

    test("is nothing when a chunk whose owner is gone has delivered it", async () => {
      await using opened = await open();
      const lapsing = await subscribe(opened.store, { leaseSeconds: 10 });
      const { id } = await subscribe(opened.store, { callback: `${callback}?2` });
      await publish(opened.store);
      await close(opened.store, await cut(opened.store), { left: [id] });
      await opened.crash();
      const { store } = opened;
      expect((await subscribe(store, {}, over)).id).not.toBe(lapsing.id);
      expect(await recordsOf(store)).toEqual([]);
    });

    test("is given up and logged once when it is in a chunk whose owner is gone", async () => {
      await using opened = await open();
      const first = await subscribe(opened.store, { leaseSeconds: 10 });
      await publish(opened.store);
      await cut(opened.store);
      await opened.crash();
      const { store } = opened;
      await subscribe(store, {}, over);
      expect(await recordsOf(store)).toMatchObject([{ ...givenUp, subscriptionId: first.id, seq: 1, count: 1 }]);
      expect(idsOf(await cut(store, over))).toEqual([]);
      expect(await recordsOf(store)).toHaveLength(1);
    });
  });
}

const givenUp = { outcome: "given_up", status: undefined, reason: "the lease ended", durationMs: 0 } as const;

async function recordsOf(store: Store) {
  const { id } = found(await store.topics.find(topic));
  return store.attempts.newest(id, plenty);
}
