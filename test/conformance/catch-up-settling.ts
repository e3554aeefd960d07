import { describe, expect, test } from "vitest";

import {
  after,
  callback,
  claimCatchUp,
  deliverAll,
  failNext,
  nextChunk,
  type OpenStore,
  plenty,
  publish,
  record,
  start,
  subscribe,
  topic,
  unsubscribe,
  wait,
} from "./support.ts";

export function describeCatchUpSettling(open: OpenStore): void {
  describe("§7 a catch-up attempt", () => {
    test("delivered, nothing newer: the subscription is up to date", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store);
      await failNext(store);
      const claim = await claimCatchUp(store);
      const log = record(claim, { subscriptionId: id, outcome: "delivered", attempt: 2, at: after(3) });

      expect(await store.behind.settleCatchUp(claim, { kind: "delivered" }, log, start)).toBe("done");
      expect(await store.behind.settleCatchUp(claim, { kind: "delivered" }, log, start)).toBe("lost");

      expect(await store.attempts.newest(claim.topicId, plenty)).toEqual([log, log]);
      expect(await store.behind.claimCatchUps(plenty, plenty, after(1e9))).toEqual([]);
      await publish(store);
      expect((await nextChunk(store))?.recipients).toMatchObject([{ subscriptionId: id }]);
    });

    test.each([
      { policy: "latest", next: 3 },
      { policy: "every", next: 2 },
    ] as const)("$policy, delivered, newer handed over: it is about $next at once", async ({ policy, next }) => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.setPolicy(topic, policy);
      await failNext(store, { attempts: 5 });
      const claim = await claimCatchUp(store);
      for (let i = 0; i < 2; i += 1) {
        await publish(store);
        expect(await nextChunk(store)).toBeUndefined();
      }

      expect(await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), after(7))).toBe("more");
      expect(await claimCatchUp(store, after(7))).toMatchObject({ seq: next, attempts: 0, retryAt: after(7) });
    });

    test.each([
      { policy: "latest", next: 3 },
      { policy: "every", next: 2 },
    ] as const)("$policy, given up, newer handed over: it waits with $next", async ({ policy, next }) => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.setPolicy(topic, policy);
      await failNext(store);
      const claim = await claimCatchUp(store);
      for (let i = 0; i < 2; i += 1) {
        await publish(store);
        expect(await nextChunk(store)).toBeUndefined();
      }
      const outcome = { kind: "given_up", ...wait({ attempts: 8, dueAt: after(60) }) } as const;

      expect(await store.behind.settleCatchUp(claim, outcome, record(claim), after(7))).toBe("waits");
      expect(await store.behind.claimCatchUps(plenty, plenty, after(59))).toEqual([]);
      expect(await claimCatchUp(store, after(60))).toMatchObject({ seq: next, attempts: 8, retryAt: after(60) });
    });

    test("given up, nothing newer: it owes nothing, and what comes in its wait is not tried before", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await failNext(store);
      const claim = await claimCatchUp(store);
      const outcome = { kind: "given_up", ...wait({ attempts: 8, dueAt: after(60) }) } as const;
      expect(await store.behind.settleCatchUp(claim, outcome, record(claim), start)).toBe("waits");
      expect(await store.behind.claimCatchUps(plenty, plenty, after(60))).toEqual([]);
      expect(await store.behind.removeSettled(plenty, after(59))).toBe(0);

      await publish(store);
      expect(await nextChunk(store)).toBeUndefined();
      expect(await store.behind.claimCatchUps(plenty, plenty, after(59))).toEqual([]);
      expect(await store.behind.removeSettled(plenty, after(60))).toBe(0);
      expect(await claimCatchUp(store, after(60))).toMatchObject({ seq: 2, attempts: 8 });
    });

    test("given up, nothing newer in its wait: the next publication is a first attempt", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store);
      await failNext(store);
      const claim = await claimCatchUp(store);
      const outcome = { kind: "given_up", ...wait({ attempts: 8, dueAt: after(60) }) } as const;
      await store.behind.settleCatchUp(claim, outcome, record(claim), start);
      expect(await store.behind.removeSettled(plenty, after(60))).toBe(1);
      await publish(store);
      expect((await nextChunk(store))?.recipients).toMatchObject([{ subscriptionId: id }]);
    });

    test.each(["latest", "every"] as const)(
      "%s, failed: waits, though newer was handed over meanwhile",
      async (policy) => {
        await using opened = await open();
        const { store } = opened;
        await subscribe(store);
        await store.topics.setPolicy(topic, policy);
        await failNext(store);
        const claim = await claimCatchUp(store);
        await publish(store);
        expect(await nextChunk(store)).toBeUndefined();
        const failed = { kind: "failed", ...wait({ attempts: 2, dueAt: after(60) }) } as const;
        const log = record(claim, { outcome: "failed", status: 500 });
        expect(await store.behind.settleCatchUp(claim, failed, log, start)).toBe("waits");

        expect(await store.attempts.newest(claim.topicId, 1)).toEqual([log]);
        expect(await store.behind.claimCatchUps(plenty, plenty, after(59))).toEqual([]);
        const seq = policy === "latest" ? 2 : 1;
        expect(await claimCatchUp(store, after(60))).toMatchObject({ seq, attempts: 2 });
        expect(await store.behind.settleCatchUp(claim, { kind: "delivered" }, log, start)).toBe("lost");
      },
    );

    test("gone: the subscription ends with all it was owed", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await failNext(store);
      const claim = await claimCatchUp(store);
      await publish(store);
      await nextChunk(store);
      const { generation } = claim;
      const gone = { kind: "gone", ...wait({ attempts: 2, dueAt: after(60) }), generation } as const;
      expect(await store.behind.settleCatchUp(claim, gone, record(claim), start)).toBe("done");

      expect(await store.subscriptions.find(topic, callback)).toBeUndefined();
      expect(await store.topics.find(topic)).toMatchObject({ subscribers: 0 });
      expect(await deliverAll(store, after(60))).toEqual([]);
    });

    test("gone, but renewed after the attempt began: it waits, and the next 410 ends it", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store);
      await failNext(store);
      const claim = await claimCatchUp(store);
      await subscribe(store, { secret: "new" });
      const gone = { kind: "gone", ...wait({ attempts: 2, dueAt: after(60) }), generation: claim.generation } as const;
      expect(await store.behind.settleCatchUp(claim, gone, record(claim), start)).toBe("waits");

      expect(await store.subscriptions.find(topic, callback)).toMatchObject({ id });
      expect(await store.behind.claimCatchUps(plenty, plenty, after(59))).toEqual([]);
      const again = await claimCatchUp(store, after(60));
      expect(again).toMatchObject({ seq: 1, attempts: 2, secret: "new" });
      const { generation } = again;
      expect(await store.behind.settleCatchUp(again, { ...gone, generation }, record(again), start)).toBe("done");
      expect(await store.subscriptions.find(topic, callback)).toBeUndefined();
    });

    test("for who unsubscribed meanwhile is lost, and a new subscription of the pair is not touched", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await failNext(store);
      const claim = await claimCatchUp(store);
      await unsubscribe(store);
      const { id } = await subscribe(store);
      const gone = { kind: "gone", ...wait({ attempts: 2 }), generation: claim.generation } as const;
      expect(await store.behind.settleCatchUp(claim, gone, record(claim), start)).toBe("lost");
      expect(await store.subscriptions.find(topic, callback)).toMatchObject({ id });
      expect(await store.attempts.newest(claim.topicId, plenty)).toHaveLength(1);
      expect(await deliverAll(store)).toEqual([]);
    });

    test("of one subscription leaves the others of its claim alone", async () => {
      await using opened = await open();
      const { store } = opened;
      for (const i of [1, 2]) await subscribe(store, { callback: `${callback}?${i}` });
      await failNext(store);
      const [first, second] = await store.behind.claimCatchUps(plenty, plenty, start);
      if (first === undefined || second === undefined) throw new Error("two were to be claimed");
      expect(await store.behind.settleCatchUp(first, { kind: "delivered" }, record(first), start)).toBe("done");
      expect(await store.behind.claimCatchUps(plenty, plenty, start)).toEqual([]);
      expect(await store.behind.settleCatchUp(second, { kind: "delivered" }, record(second), start)).toBe("done");
    });
  });
}
