import { describe, expect, test } from "vitest";

import {
  after,
  callbacksAt,
  claimCatchUp,
  fallBehind,
  found,
  nextChunk,
  type OpenStore,
  plenty,
  publish,
  record,
  shut,
  start,
  topic,
  unsubscribe,
  wait,
} from "./support.ts";

const a = "https://a.example";
const b = "https://b.example";
const c = "https://c.example";

export function describeProbes(open: OpenStore): void {
  describe("a probe of an origin", () => {
    test("claims the row that would be due first, due or not, though the breaker is open", async () => {
      await using opened = await open();
      const { store } = opened;
      const [, first, other] = await fallBehind(store, [
        { callback: `${a}/1`, dueAt: after(900) },
        { callback: `${a}/2`, dueAt: after(800), attempts: 4 },
        { callback: `${b}/1`, dueAt: after(-1) },
        { callback: `${b}/2`, dueAt: start },
      ]);
      await store.hosts.saveShut([shut(a), shut(b)]);

      const claims = await store.behind.claimProbes([b, c, a], start);
      expect(claims.map((claim) => claim?.subscriptionId)).toEqual([other, undefined, first]);
      expect(claims[2]).toMatchObject({ seq: 1, callback: `${a}/2`, attempts: 4, retryAt: after(800) });
      expect(await store.behind.claimProbes([], start)).toEqual([]);
    });

    test("holds its row like any claim: it settles it, and nobody else claims it", async () => {
      await using opened = await open();
      const { store } = opened;
      const [first, second] = await fallBehind(store, [
        { callback: `${a}/1` },
        { callback: `${a}/2`, dueAt: after(1) },
      ]);
      const [claim] = await store.behind.claimProbes([a], start);
      expect(claim?.subscriptionId).toBe(first);
      expect(await store.behind.claimCatchUps(plenty, 1, after(1))).toEqual([]);
      expect(await claimCatchUp(store, after(1))).toMatchObject({ subscriptionId: second });
      expect(await store.behind.claimProbes([a], after(1))).toEqual([undefined]);

      const failed = { kind: "failed", ...wait({ attempts: 2, dueAt: after(60) }) } as const;
      expect(await store.behind.settleCatchUp(found(claim), failed, record(found(claim)), start)).toBe("waits");
      const [again] = await store.behind.claimProbes([a], start);
      expect(again).toMatchObject({ subscriptionId: first, attempts: 2, retryAt: after(60) });
      expect(again?.token).not.toBe(claim?.token);
      expect(await store.behind.settleCatchUp(found(claim), failed, record(found(claim)), start)).toBe("lost");
    });

    test.each([
      { policy: "latest", seq: 3 },
      { policy: "every", seq: 1 },
    ] as const)("$policy: is about publication $seq of three owed", async ({ policy, seq }) => {
      await using opened = await open();
      const { store } = opened;
      await fallBehind(store, [{ callback: `${a}/`, dueAt: after(60) }]);
      await store.topics.setPolicy(topic, policy);
      for (let i = 0; i < 2; i += 1) {
        await publish(store);
        await nextChunk(store);
      }
      const claim = found((await store.behind.claimProbes([a], start))[0]);
      expect(claim.seq).toBe(seq);
      const settled = await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start);
      expect(settled).toBe(policy === "latest" ? "done" : "more");
    });

    test("`latest`: jumps to what was handed over while another claim held the row", async () => {
      await using opened = await open();
      const { store } = opened;
      await fallBehind(store, [{ callback: `${a}/` }]);
      const claim = await claimCatchUp(store);
      await publish(store);
      await nextChunk(store);
      await store.behind.release(claim);
      expect(await store.behind.claimProbes([a], start)).toMatchObject([{ seq: 2 }]);
    });

    test("passes over whose lease is over, who has unsubscribed and who is owed nothing, however many those are", async () => {
      await using opened = await open();
      const { store } = opened;
      const lapsing = callbacksAt("a.example/lapsing", 250).map((callback) => ({ callback, leaseSeconds: 10 }));
      const rest = [
        { callback: `${a}/gone` },
        { callback: `${a}/owed-nothing`, dueAt: after(-1) },
        { callback: `${a}/stays`, dueAt: after(2) },
      ];
      const ids = await fallBehind(store, [...lapsing, ...rest]);
      await unsubscribe(store, { callback: `${a}/gone` });
      const given = await claimCatchUp(store, after(-1));
      await store.behind.settleCatchUp(
        given,
        { kind: "given_up", ...wait({ dueAt: after(-1) }) },
        record(given),
        start,
      );
      const [claim] = await store.behind.claimProbes([a], after(9999));
      expect(ids.slice(0, 250)).toContain(claim?.subscriptionId);

      const [probe] = await store.behind.claimProbes([a], after(10_000));
      expect(probe?.subscriptionId).toBe(ids.at(-1));
      expect(await store.behind.claimProbes([a], after(10_000))).toEqual([undefined]);
    });

    test("is void after a crash: the row is due at once, and its schedule is what it was", async () => {
      await using opened = await open();
      await fallBehind(opened.store, [{ callback: `${a}/`, dueAt: after(60), attempts: 3 }]);
      const lost = found((await opened.store.behind.claimProbes([a], start))[0]);
      await opened.crash();
      const { store } = opened;
      await store.behind.release(lost);
      const claim = await claimCatchUp(store);
      expect(claim).toMatchObject({ attempts: 3, retryAt: after(60) });
      expect(await store.behind.settleCatchUp(lost, { kind: "delivered" }, record(lost), start)).toBe("lost");
    });
  });

  describe("a claim that is released", () => {
    test("leaves the row as it was: due time, schedule, attempts, and what hastens it", async () => {
      await using opened = await open();
      const { store } = opened;
      const way = { callback: `${a}/`, dueAt: after(60), attempts: 5, hastenedBy: "success" } as const;
      await fallBehind(store, [way]);
      const probe = found((await store.behind.claimProbes([a], start))[0]);
      expect(await store.behind.listTroubled()).toEqual([]);
      await store.behind.release(probe);

      expect(await store.behind.claimCatchUps(plenty, plenty, after(59))).toEqual([]);
      expect(await store.behind.listTroubled()).toEqual([a]);
      const claim = await claimCatchUp(store, after(60));
      expect(claim).toMatchObject({ attempts: 5, retryAt: after(60) });
      await store.behind.release(claim);
      expect(await store.behind.hasten(a, "success", plenty, start)).toBe(1);
      const hastened = await claimCatchUp(store);
      expect(hastened).toMatchObject({ attempts: 5, retryAt: after(60) });
      await store.behind.release(hastened);
      expect(await claimCatchUp(store)).toMatchObject({ attempts: 5, retryAt: after(60) });
    });

    test("frees its place, and is nothing to settle any more", async () => {
      await using opened = await open();
      const { store } = opened;
      await fallBehind(store, [{ callback: `${a}/1` }, { callback: `${a}/2`, dueAt: after(1) }]);
      const [claim] = await store.behind.claimCatchUps(plenty, 1, after(1));
      expect(await store.behind.claimCatchUps(plenty, 1, after(1))).toEqual([]);
      await store.behind.release(found(claim));
      expect(await store.behind.settleCatchUp(found(claim), { kind: "delivered" }, record(found(claim)), start)).toBe(
        "lost",
      );
      expect(await store.behind.claimCatchUps(plenty, 1, after(1))).toMatchObject([{ callback: `${a}/1` }]);
    });

    test("is the claim of that token only", async () => {
      await using opened = await open();
      const { store } = opened;
      await fallBehind(store, [{ callback: `${a}/` }]);
      const first = await claimCatchUp(store);
      await store.behind.release(first);
      const second = await claimCatchUp(store);
      await store.behind.release(first);
      expect(await store.behind.claimCatchUps(plenty, plenty, start)).toEqual([]);
      expect(await store.behind.settleCatchUp(second, { kind: "delivered" }, record(second), start)).toBe("done");
      await store.behind.release(second);
    });

    test.each([
      { policy: "latest", seq: 2 },
      { policy: "every", seq: 1 },
    ] as const)(
      "$policy: is about publication $seq next, when 2 was handed over meanwhile",
      async ({ policy, seq }) => {
        await using opened = await open();
        const { store } = opened;
        await fallBehind(store, [{ callback: `${a}/` }]);
        await store.topics.setPolicy(topic, policy);
        const claim = await claimCatchUp(store);
        await publish(store);
        await nextChunk(store);
        await store.behind.release(claim);
        expect(await store.publications.removeSettled(plenty)).toBe(policy === "latest" ? 1 : 0);
        const next = await claimCatchUp(store);
        expect(next.seq).toBe(seq);
        expect(await store.publications.load(next)).toMatchObject({ seq });
      },
    );
  });
}
