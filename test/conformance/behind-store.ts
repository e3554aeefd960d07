import { describe, expect, test } from "vitest";

import type { Store } from "../../src/store/store.ts";
import {
  after,
  callback,
  claimCatchUp,
  close,
  cut,
  failNext,
  failure,
  idsOf,
  nextChunk,
  only,
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

export function describeBehindStore(open: OpenStore): void {
  describe("§7 claims of who is behind", () => {
    test("hold what is due, for one attempt each, with the terms in force", async () => {
      await using opened = await open();
      const { store } = opened;
      const { id } = await subscribe(store, { secret: "old" });
      const { topicId, seq } = await failNext(store, { attempts: 3, dueAt: after(10) });
      await subscribe(store, { secret: "new", signatureMethod: "sha512" });

      expect(await store.behind.claimCatchUps(plenty, plenty, after(9))).toEqual([]);
      const claim = await claimCatchUp(store, after(10));
      const terms = { callback, secret: "new", signatureMethod: "sha512" };
      expect(claim).toMatchObject({ subscriptionId: id, topicId, seq, attempts: 3, ...terms });
      expect(await store.behind.claimCatchUps(plenty, plenty, after(1e6))).toEqual([]);
    });

    test("take the earliest first", async () => {
      await using opened = await open();
      const { store } = opened;
      const ids = await failAt(store, [30, 10, 20]);
      const claimed: (number | undefined)[] = [];
      for (let i = 0; i < 3; i += 1) {
        const [claim, ...rest] = await store.behind.claimCatchUps(1, plenty, after(30));
        expect(rest).toEqual([]);
        claimed.push(claim?.subscriptionId);
      }
      expect(claimed).toEqual([ids[1], ids[2], ids[0]]);
    });

    test("are at most so many under way per callback origin, running first attempts included", async () => {
      await using opened = await open();
      const { store } = opened;
      for (const i of [1, 2, 3]) await subscribe(store, { callback: `https://a.example/${i}` });
      await subscribe(store, { callback: "https://b.example/" });
      await publish(store);
      const chunk = await cut(store);
      const [slow, ...rest] = idsOf(chunk).map((id) => failure(id));
      const behind = [{ ...failure(slow?.subscriptionId ?? 0), token: "slow" }, ...rest];
      await close(store, chunk, { behind });

      const claims = await store.behind.claimCatchUps(plenty, 2, start);
      expect(claims.map((claim) => new URL(claim.callback).host).toSorted()).toEqual(["a.example", "b.example"]);
      expect(await store.behind.claimCatchUps(plenty, 2, start)).toEqual([]);
      const claim = { subscriptionId: slow?.subscriptionId ?? 0, seq: chunk.seq, token: "slow" };
      await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(chunk), start);
      expect(await store.behind.claimCatchUps(plenty, 2, start)).toHaveLength(1);
    });

    test("of an origin with a long queue leave room for the others", async () => {
      await using opened = await open();
      const { store } = opened;
      const busy = Array.from({ length: 700 }, (_, i) => `https://a.example/${i}`);
      await Promise.all(busy.map((one) => store.intents.addIntent({ ...asked, callback: one }, start)));
      const { id } = await subscribe(store, { callback: "https://b.example/" });
      await publish(store);
      const chunk = await cut(store);
      const behind = idsOf(chunk).map((one) => failure(one, { dueAt: one === id ? after(1) : start }));
      await close(store, chunk, { behind });

      const hosts: string[] = [];
      for (let round = 0; round < 3; round += 1) {
        const claims = await store.behind.claimCatchUps(50, 2, after(2));
        for (const claim of claims) hosts.push(new URL(claim.callback).host);
      }
      expect(hosts.toSorted()).toEqual(["a.example", "a.example", "b.example"]);
    });

    test("leave out whose lease is over, however many those are", async () => {
      await using opened = await open();
      const { store } = opened;
      const lapsing = Array.from({ length: 600 }, (_, i) => `https://a.example/${i}`);
      const brief = { ...asked, leaseSeconds: 10 };
      await Promise.all(lapsing.map((one) => store.intents.addIntent({ ...brief, callback: one }, start)));
      const { id } = await subscribe(store, { callback: "https://a.example/stays" });
      await publish(store);
      const chunk = await cut(store);
      await close(store, chunk, {
        behind: idsOf(chunk).map((one) => failure(one, { dueAt: one === id ? after(1) : start })),
      });

      const inTime = only(await store.behind.claimCatchUps(1, plenty, after(9999)));
      expect(inTime.subscriptionId).not.toBe(id);
      await store.behind.release(inTime);
      expect(await claimCatchUp(store, after(10_000))).toMatchObject({ subscriptionId: id });
      expect(await store.behind.claimCatchUps(plenty, plenty, after(10_000))).toEqual([]);
    });

    test("latest: are about the newest publication handed over, and the attempts made still count", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await failNext(store, { attempts: 4 });
      for (let i = 0; i < 2; i += 1) {
        await publish(store);
        expect(await nextChunk(store)).toBeUndefined();
      }
      const claim = await claimCatchUp(store);
      expect(claim).toMatchObject({ seq: 3, attempts: 4 });
      expect(await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start)).toBe("done");
    });

    test("latest: are not about a publication that is not handed over yet", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await failNext(store);
      await publish(store);
      expect(await claimCatchUp(store)).toMatchObject({ seq: 1 });
    });

    test("every: are about the oldest publication owed", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.setPolicy(topic, "every");
      await failNext(store);
      for (const seq of [1, 2, 3]) {
        await publish(store);
        expect(await nextChunk(store)).toBeUndefined();
        const claim = await claimCatchUp(store);
        expect(claim).toMatchObject({ seq });
        expect(await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start)).toBe("more");
      }
    });

    test("have a token of their own each time", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribeMany(store, 2);
      await failNext(store);
      const tokens = new Set<string>();
      for (let round = 0; round < 3; round += 1) {
        const [claim] = await store.behind.claimCatchUps(1, plenty, start);
        if (claim === undefined) throw new Error("nothing was claimed");
        tokens.add(claim.token);
        const failed = { kind: "failed", ...wait({ attempts: round }) } as const;
        await store.behind.settleCatchUp(claim, failed, record(claim), start);
      }
      expect(tokens.size).toBe(3);
    });

    test("are void after a crash, which counts as no attempt: late results are refused, but logged", async () => {
      await using opened = await open();
      const { id } = await subscribe(opened.store);
      await failNext(opened.store, { attempts: 2 });
      const lost = await claimCatchUp(opened.store);
      await opened.crash();
      const { store } = opened;

      expect(await store.behind.settleCatchUp(lost, { kind: "delivered" }, record(lost), start)).toBe("lost");
      const claim = await claimCatchUp(store);
      expect(claim).toMatchObject({ subscriptionId: id, seq: 1, attempts: 2 });
      expect(claim.token).not.toBe(lost.token);
      const waits = wait({ attempts: 3, dueAt: after(9) });
      const gone = { kind: "gone", ...waits, generation: lost.generation } as const;
      const others = [
        { kind: "given_up", ...waits },
        { kind: "failed", ...waits },
      ] as const;
      for (const outcome of [{ kind: "delivered" }, ...others, gone] as const) {
        expect(await store.behind.settleCatchUp(lost, outcome, record(lost), start)).toBe("lost");
      }
      expect(await store.subscriptions.find(topic, callback)).toMatchObject({ id });
      expect(await store.attempts.newest(claim.topicId, plenty)).toHaveLength(5);
      expect(await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start)).toBe("done");
    });
  });
}

const asked = {
  mode: "subscribe",
  topic,
  topicAsAsked: topic,
  secret: undefined,
  leaseSeconds: 864_000,
  verifyToken: undefined,
  signatureMethod: undefined,
  client: "203.0.113.7",
} as const;

/** Everybody fails, and is due at the moment given. */
async function failAt(store: Store, moments: readonly number[]): Promise<readonly number[]> {
  await subscribeMany(store, moments.length);
  await publish(store);
  const chunk = await cut(store);
  const behind = idsOf(chunk).map((id, i) => failure(id, { dueAt: after(moments[i] ?? 0) }));
  await close(store, chunk, { behind });
  return idsOf(chunk);
}
