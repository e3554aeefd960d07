import { describe, expect, test } from "vitest";

import type { NewIntent } from "../../src/model/intent.ts";
import type { Store } from "../../src/store/store.ts";
import { after, callback, claimIntent, intent, type OpenStore, plenty, start, subscribe, topic } from "./support.ts";

const different: readonly Partial<NewIntent>[] = [
  { mode: "unsubscribe" },
  { topicAsAsked: `${topic}?` },
  { secret: "other" },
  { leaseSeconds: 1 },
  { verifyToken: "other" },
  { signatureMethod: "sha512" },
];

export function describeIntentStore(open: OpenStore): void {
  describe("§5.1 an intent", () => {
    test("is due at once, as it was asked", async () => {
      await using opened = await open();
      const { store } = opened;
      const asked = intent({
        topicAsAsked: `${topic}#`,
        secret: "s3cret",
        leaseSeconds: 300,
        verifyToken: "token",
        signatureMethod: "sha512",
      });
      await store.intents.addIntent(asked, start);

      expect(await store.intents.claimIntents(plenty, plenty, after(-1))).toEqual([]);
      expect(await claimIntent(store)).toMatchObject({ ...asked, startAt: start, attempts: 0, denial: undefined });
      expect(await store.intents.claimIntents(plenty, plenty, start)).toEqual([]);
    });

    test.each(different)(
      "that differs from the pair's newest one by %o stays apart, and comes after it",
      async (more) => {
        await using opened = await open();
        const { store } = opened;
        await store.intents.addIntent(intent(), start);
        await store.intents.addIntent(intent(more), start);

        const first = await claimIntent(store);
        expect(first).toMatchObject(intent());
        await store.intents.settleIntent(first, { next: "drop", reason: "refused" }, start);
        expect(await claimIntent(store)).toMatchObject(intent(more));
      },
    );

    test("that equals the pair's newest one adds nothing, also while that waits for another try", async () => {
      await using opened = await open();
      const { store } = opened;
      const asked = intent({ secret: "s3cret", verifyToken: "token", signatureMethod: "sha1" });
      await store.intents.addIntent(asked, start);
      await store.intents.addIntent(asked, start);
      await store.intents.settleIntent(await claimIntent(store), { next: "retry", attempts: 1, at: after(10) }, start);
      await store.intents.addIntent(asked, after(1));

      expect(await store.intents.claimIntents(plenty, plenty, after(9))).toEqual([]);
      const again = await claimIntent(store, after(10));
      expect(again.attempts).toBe(1);
      await store.intents.settleIntent(again, { next: "drop", reason: "refused" }, after(10));
      expect(await store.intents.claimIntents(plenty, plenty, after(10))).toEqual([]);
    });

    test("that equals an older one of the pair is one more", async () => {
      await using opened = await open();
      const { store } = opened;
      const modes = ["subscribe", "unsubscribe", "subscribe"] as const;
      for (const mode of modes) await store.intents.addIntent(intent({ mode }), start);
      expect(await modesInTurn(store)).toEqual(modes);
    });

    test("that equals the newest one while that is under way is one more", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.intents.addIntent(intent(), start);
      const underWay = await claimIntent(store);
      await store.intents.addIntent(intent(), start);
      expect(await store.intents.claimIntents(plenty, plenty, start)).toEqual([]);

      await store.intents.settleIntent(underWay, { next: "drop", reason: "refused" }, start);
      expect((await claimIntent(store)).id).toBeGreaterThan(underWay.id);
    });

    test("that equals a dropped one, or one of another pair, is one more", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.intents.addIntent(intent(), start);
      await store.intents.settleIntent(await claimIntent(store), { next: "drop", reason: "refused" }, start);
      await store.intents.addIntent(intent(), start);
      await store.intents.addIntent(intent({ callback: `${callback}?2` }), start);
      await store.intents.addIntent(intent({ topic: `${topic}?2`, topicAsAsked: topic }), start);
      expect(await store.intents.claimIntents(plenty, plenty, start)).toHaveLength(3);
    });

    test("to unsubscribe is recorded for a subscription or a pending intent only", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.intents.addIntent(intent({ mode: "unsubscribe" }), start);
      expect(await store.intents.claimIntents(plenty, plenty, start)).toEqual([]);

      await store.intents.addIntent(intent(), start);
      await store.intents.addIntent(intent({ mode: "unsubscribe" }), start);
      expect(await modesInTurn(store)).toEqual(["subscribe", "unsubscribe"]);

      await store.intents.addIntent(intent({ mode: "unsubscribe" }), start);
      expect(await store.intents.claimIntents(plenty, plenty, start)).toEqual([]);
      await subscribe(store);
      await store.intents.addIntent(intent({ mode: "unsubscribe", topic: `${topic}?2` }), start);
      await store.intents.addIntent(intent({ mode: "unsubscribe", callback: `${callback}?2` }), start);
      await store.intents.addIntent(intent({ mode: "unsubscribe" }), start);
      expect(await claimIntent(store)).toMatchObject({ mode: "unsubscribe", topic, callback });
    });

    test("to unsubscribe after the end of the lease is not recorded", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store, { leaseSeconds: 1 });
      await store.intents.addIntent(intent({ mode: "unsubscribe" }), after(1000));
      expect(await store.intents.claimIntents(plenty, plenty, after(1000))).toEqual([]);
    });
  });

  describe("§5.3 claims of intents", () => {
    test("hold the oldest of each pair, so that those of one pair are verified one by one and in order", async () => {
      await using opened = await open();
      const { store } = opened;
      const leases = [100, 200, 300];
      for (const leaseSeconds of leases) {
        await store.intents.addIntent(intent({ leaseSeconds }), start);
        await store.intents.addIntent(intent({ leaseSeconds, topic: `${topic}?2` }), start);
      }

      for (const leaseSeconds of leases) {
        const claims = await store.intents.claimIntents(plenty, plenty, start);
        expect(claims.map((claim) => claim.topic).toSorted()).toEqual([topic, `${topic}?2`]);
        expect(claims.map((claim) => claim.leaseSeconds)).toEqual([leaseSeconds, leaseSeconds]);
        for (const claim of claims) await store.intents.settleIntent(claim, { next: "drop", reason: "refused" }, start);
      }
    });

    test("keep the order of the pair while the oldest waits for another try", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.intents.addIntent(intent(), start);
      await store.intents.settleIntent(await claimIntent(store), { next: "retry", attempts: 1, at: after(10) }, start);
      await store.intents.addIntent(intent({ mode: "unsubscribe" }), start);

      expect(await store.intents.claimIntents(plenty, plenty, after(9))).toEqual([]);
      expect(await claimIntent(store, after(10))).toMatchObject({ mode: "subscribe", attempts: 1 });
    });

    test("are at most so many under way per callback host, whatever the port, and so many at a time", async () => {
      await using opened = await open();
      const { store } = opened;
      const paths = ["https://a.example/1", "https://a.example/2", "https://a.example:8443/3", "https://a.example/4"];
      for (const [i, one] of paths.entries()) await store.intents.addIntent(intent({ callback: one }), after(i));

      expect(await callbacks(1, 2)).toEqual(["https://a.example/1"]);
      expect(await callbacks(plenty, 2)).toEqual(["https://a.example/2"]);
      expect(await callbacks(plenty, 2)).toEqual([]);
      expect(await callbacks(plenty, 3)).toEqual(["https://a.example:8443/3"]);

      async function callbacks(limit: number, perHost: number) {
        return (await store.intents.claimIntents(limit, perHost, after(9))).map((claim) => claim.callback).toSorted();
      }
    });

    test("of a host with a long queue leave room for the others", async () => {
      await using opened = await open();
      const { store } = opened;
      const queue = Array.from({ length: 600 }, (_, i) => intent({ callback: `https://a.example/${i}` }));
      await Promise.all(queue.map((one) => store.intents.addIntent(one, start)));
      await store.intents.addIntent(intent({ callback: "https://b.example/" }), after(1));

      const claimed: string[] = [];
      for (let round = 0; round < 3; round += 1) {
        const claims = await store.intents.claimIntents(50, 2, after(2));
        for (const claim of claims) claimed.push(new URL(claim.callback).host);
      }
      expect(claimed.toSorted()).toEqual(["a.example", "a.example", "b.example"]);
    });

    test("of a pair with a long line leave room for the others, and all of it comes in turn", async () => {
      await using opened = await open();
      const { store } = opened;
      const line = Array.from({ length: 300 }, (_, i) => intent({ leaseSeconds: i }));
      await Promise.all(line.map((one) => store.intents.addIntent(one, start)));
      await store.intents.addIntent(intent({ callback: `${callback}?2` }), after(1));
      const first = await store.intents.claimIntents(plenty, 10, after(1));
      expect(first.map((claim) => claim.callback)).toEqual([callback, `${callback}?2`]);
      expect(await store.intents.claimIntents(plenty, 10, after(1))).toEqual([]);

      const leases: number[] = [];
      for (let claim = first[0]; claim; [claim] = await store.intents.claimIntents(plenty, 10, after(1))) {
        leases.push(claim.leaseSeconds);
        await store.intents.settleIntent(claim, { next: "drop", reason: "refused" }, after(1));
      }
      expect(leases).toEqual(line.map((one) => one.leaseSeconds));
    });

    test("keep the line of a pair over a crash", async () => {
      await using opened = await open();
      for (const leaseSeconds of [100, 200, 300]) await opened.store.intents.addIntent(intent({ leaseSeconds }), start);
      await claimIntent(opened.store);
      for (const leaseSeconds of [100, 200, 300]) {
        await opened.crash();
        const claim = await claimIntent(opened.store);
        expect(claim.leaseSeconds).toBe(leaseSeconds);
        await opened.store.intents.settleIntent(claim, { next: "apply", verifiedAt: start }, start);
      }
      expect(await opened.store.subscriptions.find(topic, callback)).toMatchObject({ expiresAt: after(300_000) });
    });

    test("are void after a crash, which counts as no try: the intent is due again, a late decision is refused", async () => {
      await using opened = await open();
      await opened.store.intents.addIntent(intent(), start);
      const lost = await claimIntent(opened.store);
      await opened.crash();
      const { store } = opened;

      const apply = { next: "apply", verifiedAt: start } as const;
      expect(await store.intents.settleIntent(lost, apply, start)).toBe("lost");
      const claim = await claimIntent(store);
      expect(claim).toMatchObject({ id: lost.id, attempts: 0 });
      expect(claim.token).not.toBe(lost.token);
      expect(await store.intents.settleIntent(lost, apply, start)).toBe("lost");
      expect(await store.subscriptions.find(topic, callback)).toBeUndefined();
      expect(await store.intents.settleIntent(claim, apply, start)).toBe("settled");
    });
  });
}

/** Applies what is due, one at a time. */
async function modesInTurn(store: Store): Promise<readonly string[]> {
  const modes: string[] = [];
  for (;;) {
    const [claim, ...rest] = await store.intents.claimIntents(plenty, plenty, start);
    if (claim === undefined) return modes;
    expect(rest).toEqual([]);
    modes.push(claim.mode);
    await store.intents.settleIntent(claim, { next: "apply", verifiedAt: start }, start);
  }
}
