import { describe, expect, test } from "vitest";

import type { Store } from "../../src/store/store.ts";
import {
  after,
  claimCatchUp,
  cut,
  deliverAll,
  failNext,
  found,
  idsOf,
  nextChunk,
  type OpenStore,
  plenty,
  publish,
  record,
  start,
  subscribe,
  subscribeMany,
  topic,
  wait,
} from "./support.ts";

const policies = ["latest", "every"] as const;

export function describeOwesNothing(open: OpenStore): void {
  describe("after a give-up, a row that owes nothing", () => {
    test.each(policies)("%s: takes what is handed over in its wait, with its wait and its attempts", async (policy) => {
      await using opened = await open();
      const { store } = opened;
      const id = await givenUp(store, policy);
      const key = await publish(store);
      expect(await store.fanOuts.claimChunk(start)).toEqual({ kind: "cut" });
      expect(await store.fanOuts.progress(key)).toMatchObject({ done: true, handedOver: 1 });
      expect(await store.behind.removeSettled(plenty, after(60))).toBe(0);
      expect(await store.behind.claimCatchUps(plenty, plenty, after(59))).toEqual([]);
      const claim = await claimCatchUp(store, after(60));
      expect(claim).toMatchObject({ subscriptionId: id, seq: 2, attempts: 8, retryAt: after(60) });
      expect(await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start)).toBe("done");
    });

    test.each([
      { policy: "latest", seqs: [4] },
      { policy: "every", seqs: [2, 3, 4] },
    ] as const)("$policy: of three handed over in its wait delivers $seqs", async ({ policy, seqs }) => {
      await using opened = await open();
      const { store } = opened;
      const id = await givenUp(store, policy);
      for (let i = 0; i < 3; i += 1) {
        await publish(store);
        expect(await nextChunk(store)).toBeUndefined();
        await store.publications.removeSettled(plenty);
      }
      expect(await deliverAll(store, after(60))).toEqual(seqs.map((seq) => `${id}: ${seq}`));
    });

    test.each(policies)("%s: is not cut while it waits, and is cut again once it has been removed", async (policy) => {
      await using opened = await open();
      const { store } = opened;
      const id = await givenUp(store, policy);
      await publish(store);
      expect(await store.behind.removeSettled(plenty, after(60))).toBe(1);
      expect(await store.behind.removeSettled(plenty, after(60))).toBe(0);
      expect(idsOf(await cut(store))).toEqual([id]);
    });

    test("of a page shares it with those who owe and those who are not behind", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 3);
      await failNext(store);
      const [given, delivered, owing] = await store.behind.claimCatchUps(plenty, plenty, start);
      const outcome = { kind: "given_up", ...wait({ attempts: 8, dueAt: after(60) }) } as const;
      await store.behind.settleCatchUp(found(given), outcome, record(found(given)), start);
      await store.behind.settleCatchUp(found(delivered), { kind: "delivered" }, record(found(delivered)), start);
      const key = await publish(store);
      expect(idsOf(await cut(store))).toEqual([delivered?.subscriptionId]);
      expect(await store.fanOuts.progress(key)).toMatchObject({ handedOver: 2 });
      await store.behind.release(found(owing));
      expect(await claimCatchUp(store)).toMatchObject({ subscriptionId: owing?.subscriptionId, seq: 2 });
      expect(await claimCatchUp(store, after(60))).toMatchObject({ subscriptionId: given?.subscriptionId, seq: 2 });
    });

    test.each(policies)("%s: keeps no publication", async (policy) => {
      await using opened = await open();
      const { store } = opened;
      await givenUp(store, policy);
      expect(await store.publications.removeSettled(plenty)).toBe(1);
      expect(await store.fanOuts.removeDone(after(1e6), plenty)).toBe(1);
    });

    test.each([
      { policy: "latest", removed: 1 },
      { policy: "every", removed: 0 },
    ] as const)("$policy: keeps what is handed over to it; of two, $removed may go", async ({ policy, removed }) => {
      await using opened = await open();
      const { store } = opened;
      await givenUp(store, policy);
      await store.publications.removeSettled(plenty);
      for (let i = 0; i < 2; i += 1) {
        await publish(store);
        expect(await nextChunk(store)).toBeUndefined();
      }
      expect(await store.publications.removeSettled(plenty)).toBe(removed);
      const claim = await claimCatchUp(store, after(60));
      expect(await store.publications.load(claim)).toMatchObject({ seq: 2 + removed });
    });

    test("is not what an origin is probed with, until it owes again", async () => {
      await using opened = await open();
      const { store } = opened;
      await givenUp(store, "latest");
      const origin = "https://reader.example";
      expect(await store.behind.claimProbes([origin], after(60))).toEqual([undefined]);
      await publish(store);
      await nextChunk(store);
      expect(await store.behind.claimProbes([origin], start)).toMatchObject([{ seq: 2, attempts: 8 }]);
    });

    test("keeps its wait over a crash", async () => {
      await using opened = await open();
      const id = await givenUp(opened.store, "every");
      await opened.crash();
      const { store } = opened;
      expect(await store.behind.removeSettled(plenty, after(59))).toBe(0);
      await publish(store);
      expect(await nextChunk(store)).toBeUndefined();
      expect(await store.behind.claimCatchUps(plenty, plenty, after(59))).toEqual([]);
      expect(await claimCatchUp(store, after(60))).toMatchObject({ subscriptionId: id, seq: 2 });
    });
  });
}

/** One subscription whose only publication was given up; it waits until 60. */
async function givenUp(store: Store, policy: "latest" | "every"): Promise<number> {
  const { id } = await subscribe(store);
  await store.topics.setPolicy(topic, policy);
  await failNext(store);
  const claim = await claimCatchUp(store);
  const outcome = { kind: "given_up", ...wait({ attempts: 8, dueAt: after(60) }) } as const;
  expect(await store.behind.settleCatchUp(claim, outcome, record(claim), start)).toBe("waits");
  return id;
}
