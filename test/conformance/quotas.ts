import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { IntentCaps, IntentClaim, IntentDecision, NewIntent } from "../../src/model/intent.ts";
import { after, callback, claimIntent, found, intent, type OpenStore, plenty, start, subscribe } from "./support.ts";
import { settleIntents, type TestStore, topic } from "./support.ts";

const none: IntentCaps = {
  client: Infinity,
  pair: Infinity,
  host: Infinity,
  subscriptions: Infinity,
  perMinute: Infinity,
};
const apply: IntentDecision = { next: "apply", verifiedAt: start };
const drop: IntentDecision = { next: "drop", reason: "refused" };

export function describeQuotas(open: OpenStore): void {
  describe("what may wait", () => {
    test("is at most so many intents of one client, whatever they are for; what is settled makes room", async () => {
      await using opened = await open();
      const add = adding(opened, { ...none, client: 2 });
      expect(await add({ callback: "https://a.example/" })).toBeUndefined();
      expect(await add({ callback: "https://b.example/" })).toBeUndefined();
      expect(await add({ callback: "https://c.example/" })).toBe("client");
      expect(await add({ callback: "https://c.example/", client: "2001:db8::/64" })).toBeUndefined();
      await settleIntents(opened.store, drop);
      expect(await add({ callback: "https://c.example/" })).toBeUndefined();
    });

    test("is at most so many intents for one callback host, whatever the port, whoever asks", async () => {
      await using opened = await open();
      const add = adding(opened, { ...none, host: 2 });
      expect(await add({ callback: "https://a.example/" })).toBeUndefined();
      expect(await add({ callback: "http://A.example.:8080/", client: "203.0.113.8" })).toBeUndefined();
      expect(await add({ callback: "https://a.example:444/", client: "203.0.113.9" })).toBe("host");
      expect(await add({ callback: "https://b.example/" })).toBeUndefined();
      await settleIntents(opened.store, apply);
      expect(await add({ callback: "https://a.example:444/" })).toBeUndefined();
    });

    test("is at most so many intents of one client for one pair; others still get theirs in", async () => {
      await using opened = await open();
      const add = adding(opened, { ...none, pair: 2 });
      expect(await add({ leaseSeconds: 301 })).toBeUndefined();
      expect(await add({ leaseSeconds: 302 })).toBeUndefined();
      expect(await add({ leaseSeconds: 303 })).toBe("pair");
      expect(await add({ leaseSeconds: 303, client: "203.0.113.8" })).toBeUndefined();
      expect(await add({ leaseSeconds: 303, topic: `${topic}?2` })).toBeUndefined();
    });

    test("is counted one by one of what comes in one moment, too", async () => {
      await using opened = await open();
      const add = adding(opened, { ...none, pair: 3 });
      const leases = [301, 302, 303, 304, 305];
      const answers = await Promise.all(leases.map((leaseSeconds) => add({ leaseSeconds })));
      expect(answers).toEqual([undefined, undefined, undefined, "pair", "pair"]);
    });

    test("is no more for the same request again, so that is not refused", async () => {
      await using opened = await open();
      const add = adding(opened, { ...none, client: 1, pair: 1, host: 1 });
      await add({});
      expect(await add({})).toBeUndefined();
      expect(await opened.store.intents.countPending()).toBe(1);
    });

    test("is verified at once as far as a client has few; each further one of its later", async () => {
      await using opened = await open();
      const add = adding(opened, { ...none, perMinute: 2 });
      for (const i of [1, 2, 3, 4]) await add({ callback: `https://a.example/${i}` });
      await add({ callback: "https://a.example/other", client: "203.0.113.8" });
      expect(await claimedAt(opened, 0)).toEqual(["/1", "/2", "/other"]);
      expect(await claimedAt(opened, 29_999)).toEqual([]);
      expect(await claimedAt(opened, 30_000)).toEqual(["/3"]);
      expect(await claimedAt(opened, 60_000)).toEqual(["/4"]);
    });

    test("keeps its time while it waits behind another of its pair", async () => {
      await using opened = await open();
      const add = adding(opened, { ...none, perMinute: 1 });
      for (const leaseSeconds of [301, 302]) await add({ leaseSeconds });
      await opened.store.intents.settleIntent(await claimIntent(opened.store), drop, after(1));
      expect(await claimedAt(opened, 59_999)).toEqual([]);
      expect(await claimedAt(opened, 60_000)).toEqual(["/cb"]);
    });
  });

  describe("notices to those whom a block has ended", () => {
    test("count for no client and no host, and start one after the other, host by host", async () => {
      await using opened = await open();
      const { blocks, intents } = opened.store;
      const callbacks = ["https://a.example/1", "https://a.example/2", "https://a.example/3", "https://b.example/1"];
      for (const one of callbacks) await subscribe(opened.store, { callback: one });
      expect(await blocks.endBlocked(0, plenty, () => "no", start, 1)).toEqual({ lastId: undefined, ended: 4 });
      expect(await intents.countPending()).toBe(0);
      const add = adding(opened, { ...none, client: 1, host: 1, perMinute: 1 });
      expect(await add({ callback: "https://a.example/other" })).toBeUndefined();
      expect(await claimedAt(opened, 0)).toEqual(["/1", "/1", "/other"]);
      expect(await claimedAt(opened, 60_000)).toEqual(["/2"]);
      expect(await claimedAt(opened, 120_000)).toEqual(["/3"]);
    });
  });

  describe("subscriptions of one callback host", () => {
    test("are at most so many: a new one is refused, a renewal or an end is not", async () => {
      await using opened = await open();
      const add = adding(opened, { ...none, subscriptions: 1 });
      await subscribe(opened.store);
      expect(await add({ callback: `${callback}?2` })).toBe("subscriptions");
      expect(await add({ callback: "https://other.example/" })).toBeUndefined();
      expect(await add({ leaseSeconds: 300 })).toBeUndefined();
      expect(await add({ mode: "unsubscribe" })).toBeUndefined();
      await settleIntents(opened.store, apply);
      expect(await add({ callback: `${callback}?2` })).toBeUndefined();
    });

    test("are no more although several were asked for in time: nothing is written then, and the claim is still held", async () => {
      await using opened = await open();
      const { intents, subscriptions } = opened.store;
      const callbacks = [1, 2, 3].map((i) => `${callback}?${i}`);
      for (const one of callbacks) await intents.addIntent(intent({ callback: one }), start);
      const claims = await intents.claimIntents(plenty, plenty, start);
      const results = await Promise.all(claims.map((claim) => intents.settleIntent(claim, apply, start, 2)));
      expect(results.toSorted()).toEqual(["full", "settled", "settled"]);

      const refused = found(claims[results.indexOf("full")]);
      expect(await subscriptions.find(topic, refused.callback)).toBeUndefined();
      expect(await intents.countPending()).toBe(1);
      const denial = { next: "deny", reason: "full" } as const;
      expect(await intents.settleIntent(refused, denial, start, 2)).toBe("settled");
      expect(await claimIntent(opened.store)).toMatchObject({ callback: refused.callback, denial: "full" });
    });

    test("may be renewed and ended when they are as many as may be, also one whose lease is over", async () => {
      await using opened = await open();
      const { intents } = opened.store;
      await subscribe(opened.store, { leaseSeconds: 10 });
      await intents.addIntent(intent(), after(1));
      expect(await intents.settleIntent(await claimIntent(opened.store, after(1)), apply, after(1), 1)).toBe("settled");
      await intents.addIntent(intent({ leaseSeconds: 10 }), after(2));
      const late = after(1e10);
      expect(await intents.settleIntent(await claimIntent(opened.store, late), apply, late, 1)).toBe("settled");
      expect(await opened.tally()).toMatchObject({ kept: { "host reader.example": { pending: 0, subscriptions: 1 } } });
    });
  });

  describe("claims of intents that leave hosts out", () => {
    test("take what is due elsewhere, however many hosts and rows are left out", async () => {
      await using opened = await open();
      const { intents } = opened.store;
      const hosts = Array.from({ length: 250 }, (_, i) => `host-${i}.example`);
      const urls = hosts.flatMap((host) => Array.from({ length: 5 }, (_, i) => `https://${host}/${i}`));
      await Promise.all(urls.map((one) => intents.addIntent(intent({ callback: one }), start)));
      await intents.addIntent(intent(), after(1));
      expect(await intents.claimIntents(plenty, plenty, after(1), hosts)).toMatchObject([{ callback }]);
      expect(await intents.claimIntents(plenty, plenty, after(1), hosts)).toEqual([]);
      expect(await intents.claimIntents(plenty, plenty, after(1))).not.toEqual([]);
    });
  });

  describe("counts", () => {
    test("are what a recount finds, whatever became of intents and subscriptions", { timeout: 60_000 }, async () => {
      const walk = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: "max" }), async (steps) => {
        await using opened = await open();
        const claims: IntentClaim[] = [];
        for (const one of steps) await take(opened, claims, one);
        const { kept, counted } = await opened.tally();
        expect(kept).toEqual(counted);
        const pending = Object.entries(counted).filter(([name]) => name.startsWith("host "));
        const all = pending.reduce((sum, [, quota]) => sum + quota.pending, 0);
        expect(await opened.store.intents.countPending()).toBe(all);
      });
      await fc.assert(walk, { seed: 20_260_101, numRuns: 12 });
    });

    test("are made when the store is opened where there are none", async () => {
      await using opened = await open();
      await subscribe(opened.store, { callback: "https://a.example/" });
      await opened.store.intents.addIntent(intent({ client: "2001:db8::/64" }), start);
      const before = await opened.tally();
      await opened.forgetCounts();
      await opened.crash();
      expect(await opened.tally()).toEqual({ kept: before.counted, counted: before.counted });
      expect(before.counted).toEqual({
        "client 2001:db8::/64": { pending: 1, subscriptions: 0 },
        "host reader.example": { pending: 1, subscriptions: 0 },
        "host a.example": { pending: 0, subscriptions: 1 },
      });
    });
  });

  test("a store says how large it is", async () => {
    await using opened = await open();
    expect(await opened.store.measureBytes()).toBeGreaterThan(10_000);
  });
}

function adding({ store }: TestStore, caps: IntentCaps) {
  return (more: Partial<NewIntent>) => store.intents.addIntent(intent(more), start, caps);
}

async function claimedAt({ store }: TestStore, ms: number): Promise<readonly string[]> {
  const claims = await store.intents.claimIntents(plenty, plenty, after(ms));
  return claims.map((claim) => new URL(claim.callback).pathname).toSorted();
}

type Step = { readonly what: (typeof whats)[number]; readonly pick: number; readonly dice: number };

const whats = [
  "add",
  "add",
  "add",
  "claim",
  "settle",
  "settle",
  "release",
  "remove",
  "lapse",
  "block",
  "crash",
] as const;
const step = fc.record({ what: fc.constantFrom(...whats), pick: fc.nat(7), dice: fc.nat(0xffff) });

async function take(opened: TestStore, claims: IntentClaim[], { what, pick, dice }: Step): Promise<void> {
  const { intents, subscriptions } = opened.store;
  const one = `https://host-${pick % 2}.example:${443 + (dice % 2)}/${pick}`;
  const now = after(dice % 100);
  const claim = claims[pick % Math.max(1, claims.length)];
  switch (what) {
    case "add": {
      const mode = dice % 4 === 0 ? "unsubscribe" : "subscribe";
      const terms = { mode, callback: one, client: `client-${dice % 3}`, leaseSeconds: 1 + (dice % 7) } as const;
      await intents.addIntent(intent(terms), now, { ...none, client: 6, pair: 2, host: 5, subscriptions: 3 });
      return;
    }
    case "claim":
      claims.push(...(await intents.claimIntents(1 + pick, plenty, after(plenty))));
      return;
    case "settle":
      if (claim !== undefined) await intents.settleIntent(claim, decisionOf(dice), now, 2);
      return;
    case "release":
      if (claim !== undefined) await intents.release(claim);
      return;
    case "remove":
      await subscriptions.remove(topic, one);
      return;
    case "lapse":
      await subscriptions.endLapsed(after(dice), 1 + pick);
      return;
    case "block":
      await opened.store.blocks.endBlocked(0, plenty, ({ callback: at }) => (at === one ? "no" : undefined), now, 1);
      return;
    case "crash":
      await opened.crash();
  }
}

function decisionOf(dice: number): IntentDecision {
  const retry = { next: "retry", attempts: 1, at: start } as const;
  const decisions = [apply, apply, apply, drop, retry, { next: "deny", reason: "no" }] as const;
  return found(decisions[dice % decisions.length]);
}
