import { describe, expect, test } from "vitest";

import {
  after,
  callbacksAt,
  claimAll,
  claimCatchUp,
  cut,
  fallBehind,
  found,
  idsOf,
  type OpenStore,
  plenty,
  publish,
  record,
  start,
  wait,
} from "./support.ts";

const a = "https://a.example";
const b = "https://b.example";

export function describeHasten(open: OpenStore): void {
  describe("an origin that is back", () => {
    test.each([
      { by: "success", hastened: ["success"] },
      { by: "recovery", hastened: ["recovery", "success"] },
    ] as const)("by its $by makes due who is hastened by $hastened, and nobody else", async ({ by, hastened }) => {
      await using opened = await open();
      const { store } = opened;
      const rest = { dueAt: after(60), attempts: 4 };
      await fallBehind(store, [
        { callback: `${a}/nothing`, ...rest, hastenedBy: "nothing" },
        { callback: `${a}/recovery`, ...rest, hastenedBy: "recovery" },
        { callback: `${a}/success`, ...rest, hastenedBy: "success" },
        { callback: `${b}/success`, ...rest, hastenedBy: "success" },
      ]);
      expect(await store.behind.hasten(a, by, plenty, after(10))).toBe(hastened.length);

      expect(await claimAll(store, after(9))).toEqual([]);
      const claims = await claimAll(store, after(10));
      expect(claims.map((claim) => claim.callback).toSorted()).toEqual(hastened.map((name) => `${a}/${name}`));
      for (const claim of claims) expect(claim).toMatchObject({ attempts: 4, retryAt: after(60) });
      expect(await claimAll(store, after(60))).toHaveLength(4 - hastened.length);
    });

    test("hastens each once: not again before it has failed again", async () => {
      await using opened = await open();
      const { store } = opened;
      await fallBehind(store, [{ callback: `${a}/`, dueAt: after(60), hastenedBy: "success" }]);
      expect(await store.behind.hasten(a, "success", plenty, start)).toBe(1);
      expect(await store.behind.hasten(a, "success", plenty, start)).toBe(0);
      expect(await store.behind.hasten(a, "recovery", plenty, start)).toBe(0);

      const claim = await claimCatchUp(store);
      const failed = { kind: "failed", ...wait({ dueAt: after(90), hastenedBy: "recovery" }) } as const;
      await store.behind.settleCatchUp(claim, failed, record(claim), start);
      expect(await store.behind.hasten(a, "success", plenty, start)).toBe(0);
      expect(await store.behind.hasten(a, "recovery", plenty, after(5))).toBe(1);
      expect(await store.behind.hasten(a, "recovery", plenty, after(5))).toBe(0);
      expect(await claimCatchUp(store, after(5))).toMatchObject({ retryAt: after(90) });
    });

    test("hastens nobody who was delivered to meanwhile and is owed more: that is due at once", async () => {
      await using opened = await open();
      const { store } = opened;
      await fallBehind(store, [{ callback: `${a}/`, hastenedBy: "success" }]);
      const claim = await claimCatchUp(store);
      await publish(store);
      await store.fanOuts.claimChunk(start);
      await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start);
      expect(await store.behind.hasten(a, "recovery", plenty, start)).toBe(0);
    });

    test("puts nobody off who was due before", async () => {
      await using opened = await open();
      const { store } = opened;
      await fallBehind(store, [{ callback: `${a}/`, dueAt: after(5), hastenedBy: "success" }]);
      expect(await store.behind.hasten(a, "success", plenty, after(10))).toBe(1);
      expect(await claimCatchUp(store, after(5))).toMatchObject({ retryAt: after(5) });
    });

    test("hastens nobody whose attempt is under way: neither a claim nor a first attempt that is slow", async () => {
      await using opened = await open();
      const { store } = opened;
      await fallBehind(store, [
        { callback: `${a}/claimed`, hastenedBy: "success" },
        { callback: `${a}/slow`, hastenedBy: "success", token: "slow" },
      ]);
      const claim = await claimCatchUp(store);
      expect(await store.behind.hasten(a, "recovery", plenty, start)).toBe(0);
      const delivered = { kind: "delivered" } as const;
      expect(await store.behind.settleCatchUp(claim, delivered, record(claim), start)).toBe("done");
    });

    test("hastens a few at a time: as many as asked for, until none is left", async () => {
      await using opened = await open();
      const { store } = opened;
      const waiting = callbacksAt("a.example", 7).map(
        (callback, i) =>
          ({
            callback,
            dueAt: after(60),
            hastenedBy: i === 0 ? "recovery" : "success",
          }) as const,
      );
      await fallBehind(store, waiting);
      const counts: number[] = [];
      for (let i = 0; i < 4; i += 1) counts.push(await store.behind.hasten(a, "recovery", 3, start));
      expect(counts).toEqual([3, 3, 1, 0]);
      expect(await claimAll(store)).toHaveLength(7);
    });

    test("frees who is owed nothing and waits: the next publication is a first attempt", async () => {
      await using opened = await open();
      const { store } = opened;
      const [id] = await fallBehind(store, [{ callback: `${a}/` }]);
      const claim = await claimCatchUp(store);
      const outcome = { kind: "given_up", ...wait({ dueAt: after(60), hastenedBy: "success" }) } as const;
      await store.behind.settleCatchUp(claim, outcome, record(claim), start);
      expect(await store.behind.removeSettled(plenty, start)).toBe(0);
      expect(await store.behind.hasten(a, "success", plenty, start)).toBe(1);
      expect(await store.behind.removeSettled(plenty, start)).toBe(1);
      await publish(store);
      expect(idsOf(await cut(store))).toEqual([id]);
    });
  });

  describe("origins in trouble", () => {
    test("are those where somebody waits whom anything hastens, each once", async () => {
      await using opened = await open();
      const { store } = opened;
      expect(await store.behind.listTroubled()).toEqual([]);
      await fallBehind(store, [
        { callback: `${a}/1`, hastenedBy: "success" },
        { callback: `${a}/2`, hastenedBy: "success", dueAt: after(60) },
        { callback: `${b}/`, hastenedBy: "success", dueAt: after(60) },
        { callback: "https://c.example/", hastenedBy: "recovery" },
        { callback: "https://d.example/", hastenedBy: "nothing" },
        { callback: "https://e.example/", hastenedBy: "success", token: "slow" },
      ]);
      expect((await store.behind.listTroubled()).toSorted()).toEqual([a, b, "https://c.example"]);
      await store.behind.hasten(a, "success", 1, start);
      expect((await store.behind.listTroubled()).toSorted()).toEqual([a, b, "https://c.example"]);
      await store.behind.hasten(a, "success", 1, start);
      expect((await store.behind.listTroubled()).toSorted()).toEqual([b, "https://c.example"]);
    });

    test("are known after a crash, those of attempts that it cut short too", async () => {
      await using opened = await open();
      await fallBehind(opened.store, [
        { callback: `${a}/`, hastenedBy: "success" },
        { callback: `${b}/`, hastenedBy: "success" },
      ]);
      const [claim] = await opened.store.behind.claimCatchUps(1, plenty, start);
      expect(await opened.store.behind.listTroubled()).toHaveLength(1);
      await opened.crash();
      expect(found(claim).attempts).toBe(1);
      expect((await opened.store.behind.listTroubled()).toSorted()).toEqual([a, b]);
    });
  });
}
