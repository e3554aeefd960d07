import { describe, expect, test } from "vitest";

import type { CatchUpClaim } from "../../src/model/delivery.ts";
import {
  after,
  callbacksAt,
  claimAll,
  fallBehind,
  found,
  only,
  type OpenStore,
  plenty,
  start,
  record,
} from "./support.ts";

const a = "https://a.example";
const b = "https://b.example";
const c = "https://c.example";

export function describeClaimLimits(open: OpenStore): void {
  describe("claims of who is behind, origin by origin", () => {
    test("are as many as the origin's own limit, above the common one or below", async () => {
      await using opened = await open();
      const { store } = opened;
      const hosts = ["a.example", "b.example", "c.example"];
      await fallBehind(
        store,
        hosts.flatMap((host) => callbacksAt(host, 6)).map((callback) => ({ callback })),
      );
      const raised = [
        { origin: a, limit: 5 },
        { origin: b, limit: 1 },
        { origin: "https://unknown.example", limit: 9 },
      ];
      expect(countByOrigin(await store.behind.claimCatchUps(plenty, 3, start, raised))).toEqual({
        [a]: 5,
        [b]: 1,
        [c]: 3,
      });
      expect(await store.behind.claimCatchUps(plenty, 3, start, raised)).toEqual([]);
      expect(await store.behind.claimCatchUps(plenty, 3, start, [])).toMatchObject([{}, {}]);
      const more = [{ origin: a, limit: 7 }];
      expect(countByOrigin(await store.behind.claimCatchUps(plenty, 3, start, more))).toEqual({ [a]: 1 });
    });

    test("count what is under way, whoever claimed it: as a probe, a slow first attempt, under another limit", async () => {
      await using opened = await open();
      const { store } = opened;
      const [first, ...others] = callbacksAt("a.example", 6);
      await fallBehind(store, [{ callback: found(first), token: "slow" }, ...others.map((callback) => ({ callback }))]);
      await store.behind.claimProbes([a], start);
      expect(await store.behind.claimCatchUps(plenty, 2, start)).toEqual([]);
      const claims = await store.behind.claimCatchUps(plenty, 2, start, [{ origin: a, limit: 4 }]);
      expect(claims).toHaveLength(2);
      expect(await store.behind.claimCatchUps(plenty, 3, start)).toEqual([]);
      const claim = found(claims[0]);
      await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start);
      expect(await store.behind.claimCatchUps(plenty, 3, start)).toEqual([]);
      expect(await store.behind.claimCatchUps(plenty, 4, start)).toHaveLength(1);
    });

    test("take the origin with the earliest row first, and of it the earliest", async () => {
      await using opened = await open();
      const { store } = opened;
      const due = [
        [a, 3],
        [b, 2],
        [a, 9],
        [c, 4],
        [b, 8],
      ] as const;
      await fallBehind(
        store,
        due.map(([origin, ms]) => ({ callback: `${origin}/${ms}`, dueAt: after(ms) })),
      );
      const order: string[] = [];
      for (let i = 0; i < due.length; i += 1) {
        order.push(only(await store.behind.claimCatchUps(1, plenty, after(9))).callback);
      }
      expect(order).toEqual([`${b}/2`, `${a}/3`, `${c}/4`, `${b}/8`, `${a}/9`]);
    });

    test("hold nobody back for a long queue at an origin that is full", async () => {
      await using opened = await open();
      const { store } = opened;
      const queue = callbacksAt("a.example", 600).map((callback) => ({ callback }));
      await fallBehind(store, [...queue, { callback: `${b}/`, dueAt: after(7) }]);
      expect(await store.behind.claimCatchUps(plenty, 2, start)).toHaveLength(2);
      expect(await store.behind.claimCatchUps(plenty, 2, after(6))).toEqual([]);
      expect(await store.behind.claimCatchUps(plenty, 2, after(7))).toMatchObject([{ callback: `${b}/` }]);
    });

    test("hold nobody back for many origins that are full, or where nobody has a lease any more", async () => {
      await using opened = await open();
      const { store } = opened;
      const hosts = Array.from({ length: 250 }, (_, i) => `https://host-${i}.example`);
      const lapsing = hosts.map((host) => ({ callback: `${host}/1`, leaseSeconds: 10 }));
      await fallBehind(store, [...lapsing, { callback: `${b}/`, dueAt: after(7) }]);
      expect(await store.behind.claimCatchUps(plenty, plenty, after(10_000))).toMatchObject([{ callback: `${b}/` }]);
      expect(await store.behind.claimCatchUps(plenty, plenty, after(10_000))).toEqual([]);

      const twice = hosts.flatMap((host) => [{ callback: `${host}/2` }, { callback: `${host}/3` }]);
      await fallBehind(store, [...twice, { callback: `${c}/`, dueAt: after(7) }]);
      expect(await store.behind.claimCatchUps(0, plenty, after(6))).toEqual([]);
      expect(await claimAll(store, after(6), 1)).toHaveLength(hosts.length);
      expect(await store.behind.claimCatchUps(plenty, 1, after(7))).toMatchObject([{ callback: `${c}/` }]);
    });

    test("end only when nobody is left, though not all come at once", async () => {
      await using opened = await open();
      const { store } = opened;
      const many = ["a.example", "b.example"].flatMap((host) => callbacksAt(host, 350));
      const ids = await fallBehind(
        store,
        many.map((callback) => ({ callback })),
      );
      const claimed = (await claimAll(store)).map((claim) => claim.subscriptionId);
      expect(claimed.toSorted((one, other) => one - other)).toEqual(ids.toSorted((one, other) => one - other));
    });

    test("that a crash has voided are due again at once, in the place and with the schedule they had", async () => {
      await using opened = await open();
      await fallBehind(opened.store, [
        { callback: `${a}/claimed`, dueAt: after(5), attempts: 2 },
        { callback: `${a}/hastened`, dueAt: after(90), attempts: 3, hastenedBy: "success" },
        { callback: `${a}/slow`, dueAt: after(70), attempts: 0, token: "slow" },
        { callback: `${a}/waiting`, dueAt: after(80) },
      ]);
      await opened.store.behind.hasten(a, "success", plenty, after(5));
      expect(await opened.store.behind.claimCatchUps(plenty, plenty, after(5))).toHaveLength(2);
      await opened.crash();
      const { store } = opened;

      const claims = await store.behind.claimCatchUps(plenty, plenty, after(5));
      const figures = claims.map((claim) => [claim.callback, [claim.attempts, claim.retryAt]]);
      expect(Object.fromEntries(figures)).toEqual({
        [`${a}/claimed`]: [2, after(5)],
        [`${a}/hastened`]: [3, after(90)],
        [`${a}/slow`]: [0, after(70)],
      });
      expect(await store.behind.claimCatchUps(plenty, plenty, after(80))).toMatchObject([{ callback: `${a}/waiting` }]);
    });
  });
}

function countByOrigin(claims: readonly CatchUpClaim[]): Readonly<Record<string, number>> {
  const by = Object.groupBy(claims, (claim) => new URL(claim.callback).origin);
  return Object.fromEntries(Object.entries(by).map(([origin, some]) => [origin, some?.length ?? 0]));
}
