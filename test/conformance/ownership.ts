import { describe, expect, test } from "vitest";

import type { Store } from "../../src/store/store.ts";
import {
  after,
  callback,
  claimCatchUp,
  close,
  cut,
  cutAll,
  deliverAll,
  failNext,
  failure,
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
  unsubscribe,
} from "./support.ts";

const policies = ["latest", "every"] as const;

export function describeOwnership(open: OpenStore): void {
  describe("who owns a delivery (engine-protocol 5)", () => {
    test.each(policies)("%s: settled, then handed over: the fan-out delivers", async (policy) => {
      await using opened = await open();
      const { store } = opened;
      const { id, claim } = await oneBehind(store, policy);
      await publish(store);
      expect(await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start)).toBe("done");
      const chunk = await cut(store);
      expect([chunk.seq, idsOf(chunk)]).toEqual([2, [id]]);
      expect(await store.behind.claimCatchUps(plenty, plenty, after(1e6))).toEqual([]);
    });

    test.each(policies)("%s: handed over, then settled: catch-up delivers", async (policy) => {
      await using opened = await open();
      const { store } = opened;
      const { id, claim } = await oneBehind(store, policy);
      await publish(store);
      expect(await store.fanOuts.claimChunk(start)).toEqual({ kind: "cut" });
      expect(await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start)).toBe("more");
      expect(await nextChunk(store)).toBeUndefined();
      expect(await deliverAll(store)).toEqual([`${id}: 2`]);
    });

    test.each(["settled", "cut"])("in one turn, %s first: whoever comes first, it is delivered once", async (first) => {
      await using opened = await open();
      const { store } = opened;
      const { id, claim } = await oneBehind(store, "latest");
      await publish(store);
      const settle = () => store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start);
      const claimChunk = () => store.fanOuts.claimChunk(start);
      const settling = first === "settled" ? settle() : undefined;
      const claiming = claimChunk();
      const [settled, claimed] = [await (settling ?? settle()), await claiming];
      if (claimed.kind === "chunk") await close(store, claimed.chunk);
      const rest = await deliverAll(store);
      expect(claimed.kind === "chunk" ? [settled, idsOf(claimed.chunk), rest] : [settled, claimed.kind, rest]).toEqual(
        settled === "done" ? ["done", [id], []] : ["more", "cut", [`${id}: 2`]],
      );
    });

    test("a page is divided: who is behind goes to catch-up, the others to the chunk, nobody to both", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 9);
      await publish(store);
      const first = await cut(store);
      const behind = idsOf(first).filter((_, i) => i % 3 === 0);
      const tokens = ["running", undefined, undefined];
      await close(store, first, { behind: behind.map((id, i) => failure(id, { token: tokens[i] })) });
      const [claimed] = await store.behind.claimCatchUps(1, plenty, start);
      const key = await publish(store);

      const chunk = await cut(store);
      expect(idsOf(chunk)).toEqual(idsOf(first).filter((id) => !behind.includes(id)));
      expect(await store.fanOuts.progress(key)).toMatchObject({ handedOver: 3 });
      await close(store, chunk);
      const running = { subscriptionId: found(behind[0]), seq: 1, token: "running" };
      for (const claim of [running, found(claimed)]) {
        expect(await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(first), start)).toBe("more");
      }
      expect((await deliverAll(store)).toSorted()).toEqual(behind.map((id) => `${id}: 2`).toSorted());
    });

    test("a chunk that is claimed again after a crash hands nothing over a second time", async () => {
      await using opened = await open();
      await subscribeMany(opened.store, 4);
      const key = await publish(opened.store);
      const lost = await cut(opened.store);
      const [failed, ...left] = idsOf(lost);
      await close(opened.store, lost, { left, behind: [failure(found(failed))] });
      await opened.crash();
      const { store } = opened;

      expect((await deliverAll(store)).toSorted()).toEqual([...left, failed].map((id) => `${id}: 1`).toSorted());
      expect(await store.fanOuts.progress(key)).toEqual({
        done: true,
        delivered: 3,
        behind: 1,
        handedOver: 0,
        gone: 0,
      });
    });

    test("cut, crash, crash: nothing that was published is lost", async () => {
      await using opened = await open();
      await subscribeMany(opened.store, 1500);
      await opened.store.topics.setPolicy(topic, "every");
      await publish(opened.store);
      await publish(opened.store);
      await cut(opened.store);
      await opened.crash();
      await cut(opened.store);
      await opened.crash();
      const deliveries = await deliverAll(opened.store);
      expect([deliveries.length, new Set(deliveries).size]).toEqual([3000, 3000]);
    });

    test("a lease that ends while the chunk is open: no row is claimed, and the topic goes on", async () => {
      await using opened = await open();
      const { store } = opened;
      const brief = await subscribe(store, { leaseSeconds: 10 });
      const { id } = await subscribe(store, { callback: `${callback}?2` });
      await publish(store);
      const chunk = await cut(store);
      await close(store, chunk, { behind: [failure(brief.id), failure(id)] });
      await publish(store);
      expect(await nextChunk(store, after(10_000))).toBeUndefined();
      expect(await deliverAll(store, after(10_000))).toEqual([`${id}: 2`]);
    });

    test("unsubscribed, then subscribed again during a chunk: the new one is owed the next publication only", async () => {
      await using opened = await open();
      const { store } = opened;
      const first = await subscribe(store);
      await publish(store);
      const chunk = await cut(store);
      await unsubscribe(store);
      const second = await subscribe(store);
      await close(store, chunk, { behind: [failure(first.id)] });
      expect(await deliverAll(store)).toEqual([]);
      await publish(store);
      expect(await deliverAll(store)).toEqual([`${second.id}: 2`]);
    });

    test("a policy that changes to `latest` stops what is uncut; everybody gets the newest", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store);
      await store.topics.setPolicy(topic, "every");
      for (let i = 0; i < 3; i += 1) await publish(store);
      await store.topics.setPolicy(topic, "latest");
      await publish(store);
      expect(await deliverAll(store)).toEqual([`${id}: 4`]);
    });

    test.each(["claim", "probe"])(
      "a policy that changes to `latest`: a %s is about the newest that was missed",
      async (by) => {
        await using opened = await open();
        const { store } = opened;
        const { claim } = await oneBehind(store, "every");
        await store.behind.release(claim);
        for (let i = 0; i < 2; i += 1) {
          await publish(store);
          expect(await nextChunk(store)).toBeUndefined();
        }
        await store.topics.setPolicy(topic, "latest");
        const origins = [new URL(callback).origin];
        const [next] = by === "claim" ? [await claimCatchUp(store)] : await store.behind.claimProbes(origins, start);
        expect(next).toMatchObject({ seq: 3 });
        expect(await store.publications.removeSettled(plenty)).toBe(2);
      },
    );

    test("a policy that changes to `every` asks for nothing that is gone", async () => {
      await using opened = await open();
      const { store } = opened;
      const { claim } = await oneBehind(store, "latest");
      for (let i = 0; i < 3; i += 1) {
        await publish(store);
        expect(await nextChunk(store)).toBeUndefined();
        await store.publications.removeSettled(plenty);
      }
      await store.topics.setPolicy(topic, "every");
      expect(await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start)).toBe("more");
      const seen: number[] = [];
      for (let settled = "more"; settled === "more";) {
        const next = await claimCatchUp(store);
        seen.push((await store.publications.load(next)).seq);
        settled = await store.behind.settleCatchUp(next, { kind: "delivered" }, record(next), start);
        await store.publications.removeSettled(plenty);
      }
      expect(seen.at(-1)).toBe(4);
    });

    test("the store says that it can be written", async () => {
      await using opened = await open();
      await expect(opened.store.assertWritable(start)).resolves.toBeUndefined();
      await expect(opened.store.assertWritable(after(1))).resolves.toBeUndefined();
    });

    test("a resolved write outlives a crash in the same moment", async () => {
      await using opened = await open();
      await subscribeMany(opened.store, 1200);
      await publish(opened.store);
      await opened.crash();
      expect((await cutAll(opened.store)).flatMap(idsOf)).toHaveLength(1200);
    });
  });
}

async function oneBehind(store: Store, policy: "latest" | "every") {
  const { id } = await subscribe(store);
  await store.topics.setPolicy(topic, policy);
  await failNext(store);
  return { id, claim: await claimCatchUp(store) };
}
