import { describe, expect, test } from "vitest";

import {
  after,
  callback,
  claimCatchUp,
  claimIntent,
  cut,
  close,
  deliverAll,
  failNext,
  found,
  intent,
  only,
  type OpenStore,
  plenty,
  publish,
  start,
  subscribe,
  topic,
  unsubscribe,
} from "./support.ts";

const apply = { next: "apply", verifiedAt: start } as const;

export function describeSettleIntent(open: OpenStore): void {
  describe("§5.3 a settled intent", () => {
    test("that is confirmed creates the subscription; its lease counts from the verification request", async () => {
      await using opened = await open();
      const { store } = opened;
      const asked = intent({ leaseSeconds: 300, secret: "s3cret", signatureMethod: "sha384" });
      await store.intents.addIntent(asked, start);
      const decision = { next: "apply", verifiedAt: after(2000) } as const;
      expect(await store.intents.settleIntent(await claimIntent(store), decision, after(9000))).toBe("settled");

      expect(await store.subscriptions.find(topic, callback)).toMatchObject({
        topic,
        callback,
        secret: "s3cret",
        signatureMethod: "sha384",
        verifiedAt: after(2000),
        expiresAt: after(302_000),
        firstSeq: 1,
      });
      expect(await store.topics.find(topic)).toMatchObject({ subscribers: 1 });
      expect(await store.intents.claimIntents(plenty, plenty, after(1e9))).toEqual([]);
    });

    test("that is confirmed renews: same id, new terms, and it is owed what it was owed", async () => {
      await using opened = await open();
      const { store } = opened;
      const first = await subscribe(store, { secret: "old" });
      await failNext(store);
      await publish(store);
      const renewed = await subscribe(store, { secret: "new", leaseSeconds: 5, signatureMethod: "sha1" }, after(1000));

      expect(renewed).toMatchObject({ id: first.id, firstSeq: 1, secret: "new", signatureMethod: "sha1" });
      expect([renewed.verifiedAt, renewed.expiresAt]).toEqual([after(1000), after(6000)]);
      expect(await store.topics.find(topic)).toMatchObject({ subscribers: 1 });
      expect(await claimCatchUp(store, after(1000))).toMatchObject({ seq: 1, secret: "new", signatureMethod: "sha1" });
    });

    test("that is confirmed without a secret takes the old one away", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store, { secret: "old", signatureMethod: "sha1" });
      expect(await subscribe(store)).toMatchObject({ secret: undefined, signatureMethod: undefined });
    });

    test("that is confirmed removes the subscription and all it was owed", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await failNext(store);
      await publish(store);
      await unsubscribe(store);

      expect(await store.subscriptions.find(topic, callback)).toBeUndefined();
      expect(await store.topics.find(topic)).toMatchObject({ subscribers: 0 });
      expect(await deliverAll(store)).toEqual([]);
    });

    test("that is confirmed after the removal makes a new subscription, owed what comes next", async () => {
      await using opened = await open();
      const { store } = opened;
      const first = await subscribe(store);
      await publish(store);
      await unsubscribe(store);
      const second = await subscribe(store);

      expect(second.id).toBeGreaterThan(first.id);
      expect(second.firstSeq).toBe(2);
      expect(await deliverAll(store)).toEqual([]);
    });

    test("that is confirmed after the end of the lease makes a new subscription too", async () => {
      await using opened = await open();
      const { store } = opened;
      const first = await subscribe(store, { leaseSeconds: 1 });
      await publish(store);
      const second = await subscribe(store, {}, after(1000));

      expect(second.id).toBeGreaterThan(first.id);
      expect(second.firstSeq).toBe(2);
      expect(await store.topics.find(topic)).toMatchObject({ subscribers: 1 });
      expect(await deliverAll(store, after(1000))).toEqual([]);
    });

    test("that is confirmed twice removes once: unsubscribing what is gone meanwhile is no fault", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.intents.addIntent(intent({ mode: "unsubscribe" }), start);
      await store.subscriptions.remove(topic, callback);
      const claim = await claimIntent(store);
      expect(await store.intents.settleIntent(claim, apply, start)).toBe("settled");
      expect(await store.intents.settleIntent(claim, apply, start)).toBe("lost");
      expect(await store.topics.find(topic)).toMatchObject({ subscribers: 0 });
    });

    test("that is to be tried again is due then, with the tries that count, and as old as it was", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.intents.addIntent(intent(), start);
      for (const [i, attempts] of [0, 1, 1, 2].entries()) {
        const at = after((i + 1) * 10);
        await store.intents.settleIntent(
          await claimIntent(store, after(i * 10)),
          { next: "retry", attempts, at },
          start,
        );
        expect(await store.intents.claimIntents(plenty, plenty, after((i + 1) * 10 - 1))).toEqual([]);
        const again = await claimIntent(store, at);
        expect(again).toMatchObject({ ...intent(), startAt: start, attempts });
        await store.intents.settleIntent(again, { next: "retry", attempts, at }, at);
      }
    });

    test("§5.1 that is dropped leaves the subscription as it was", async () => {
      await using opened = await open();
      const { store } = opened;
      const before = await subscribe(store, { secret: "old" });
      await store.intents.addIntent(intent({ secret: "new", leaseSeconds: 1 }), start);
      await store.intents.addIntent(intent({ mode: "unsubscribe" }), start);
      for (let i = 0; i < 2; i += 1) {
        await store.intents.settleIntent(await claimIntent(store), { next: "drop", reason: "refused" }, start);
      }
      expect(await store.subscriptions.find(topic, callback)).toEqual(before);
    });

    test("that is dropped is kept until it is old, then removed, not more than asked for at a time", async () => {
      await using opened = await open();
      const { store } = opened;
      for (const i of [1, 2, 3]) {
        await store.intents.addIntent(intent({ leaseSeconds: i }), start);
        await store.intents.settleIntent(await claimIntent(store), { next: "drop", reason: "refused" }, after(i));
      }
      await store.intents.addIntent(intent(), start);

      expect(await store.intents.removeDropped(after(1), plenty, plenty)).toBe(0);
      expect(await store.intents.removeDropped(after(3), plenty, 1)).toBe(1);
      expect(await store.intents.removeDropped(after(3), plenty, plenty)).toBe(1);
      expect(await store.intents.removeDropped(after(1e9), plenty, plenty)).toBe(1);
      expect(await store.intents.claimIntents(plenty, plenty, start)).toHaveLength(1);
    });

    test("that is dropped is removed, however new, where more requests have come since than are kept", async () => {
      await using opened = await open();
      const { store } = opened;
      const drop = async (leaseSeconds: number) => {
        await store.intents.addIntent(intent({ leaseSeconds }), start);
        await store.intents.settleIntent(await claimIntent(store), { next: "drop", reason: "refused" }, start);
      };
      for (const i of [1, 2, 3]) await drop(i);
      expect(await store.intents.removeDropped(start, 3, plenty)).toBe(0);
      expect(await store.intents.removeDropped(start, 1, 1)).toBe(1);
      expect(await store.intents.removeDropped(start, 1, plenty)).toBe(1);
      await store.intents.addIntent(intent(), start); // that is one more
      expect(await store.intents.removeDropped(start, 1, plenty)).toBe(1);
      expect(await store.intents.removeDropped(start, 0, plenty)).toBe(0);
      expect(await store.intents.claimIntents(plenty, plenty, start)).toHaveLength(1);
    });

    test("§5.2 that is denied leaves the subscription as it was: anybody may have asked; its notice is due before the pair's next", async () => {
      await using opened = await open();
      const { store } = opened;
      const before = await subscribe(store);
      await failNext(store);
      await store.intents.addIntent(intent({ secret: "new" }), start);
      const asked = await claimIntent(store);
      await store.intents.settleIntent(asked, { next: "retry", attempts: 1, at: start }, start);
      await store.intents.addIntent(intent({ secret: "newer" }), start);
      await store.intents.settleIntent(await claimIntent(store), { next: "deny", reason: "not you" }, after(5));

      expect(await store.subscriptions.find(topic, callback)).toEqual(before);
      expect(await deliverAll(store)).toEqual([`${before.id}: 1`]);
      const notice = only(await store.intents.claimIntents(plenty, plenty, after(5)));
      expect(notice).toMatchObject({ id: asked.id, denial: "not you", startAt: start, attempts: 0 });
      await store.intents.settleIntent(notice, { next: "drop", reason: "denied" }, after(5));
      expect(await claimIntent(store, after(5))).toMatchObject({ secret: "newer", denial: undefined });
    });

    test("§5.2 that is denied without a subscription is told all the same; asking again is a request of its own", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.intents.addIntent(intent(), start);
      await store.intents.settleIntent(await claimIntent(store), { next: "deny", reason: "not you" }, start);
      await store.intents.addIntent(intent(), start);
      const notice = await claimIntent(store);
      expect(notice.denial).toBe("not you");
      await store.intents.settleIntent(notice, { next: "retry", attempts: 1, at: after(10) }, start);
      const again = await claimIntent(store, after(10));
      expect(again).toMatchObject({ denial: "not you", attempts: 1 });
      await store.intents.settleIntent(again, { next: "drop", reason: "denied" }, after(10));
      expect(await claimIntent(store, after(10))).toMatchObject({ ...intent(), denial: undefined });
    });

    test("ids are never used again", async () => {
      await using opened = await open();
      const { store } = opened;
      const seen: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        seen.push((await subscribe(store)).id);
        await publish(store);
        await close(store, await cut(store));
        await unsubscribe(store);
        expect(found(await store.topics.find(topic)).subscribers).toBe(0);
      }
      expect(new Set(seen).size).toBe(3);
      await opened.crash();
      expect((await subscribe(opened.store)).id).toBeGreaterThan(Math.max(...seen));
    });
  });
}
