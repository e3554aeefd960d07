import { describe, expect, test } from "vitest";

import type { ShutHost } from "../../src/model/host.ts";
import type { CatchUpClaim } from "../../src/model/delivery.ts";
import type { Store } from "../../src/store/store.ts";
import {
  after,
  callbacksAt,
  claimAll,
  claimCatchUp,
  fallBehind,
  nextChunk,
  type OpenStore,
  plenty,
  publish,
  record,
  shut,
  start,
  wait,
} from "./support.ts";

const a = "https://a.example";
const b = "https://b.example";

export function describeHostStore(open: OpenStore): void {
  describe("open breakers", () => {
    test("are known with all their figures, after a crash too, until they close", async () => {
      await using opened = await open();
      expect(await opened.store.hosts.listShut()).toEqual([]);
      const [first, second, third] = [shut(a, 1, 30_000), shut(b, 3, 120_000), shut(`${a}:8443`, 2, 1)];
      await opened.store.hosts.saveShut([first, second]);
      await opened.store.hosts.saveShut([third]);
      await opened.crash();
      const { hosts } = opened.store;
      expect(byOrigin(await hosts.listShut())).toEqual(byOrigin([first, second, third]));

      await hosts.saveOpen([second.origin, "https://unknown.example"]);
      expect(byOrigin(await hosts.listShut())).toEqual(byOrigin([first, third]));
      await hosts.saveOpen([]);
      await hosts.saveShut([]);
      await hosts.saveOpen([first.origin, third.origin]);
      expect(await hosts.listShut()).toEqual([]);
    });

    test("that open again are known as they are now", async () => {
      await using opened = await open();
      const { hosts } = opened.store;
      await hosts.saveShut([shut(a, 1, 30_000)]);
      await hosts.saveShut([shut(a, 2, 60_000)]);
      expect(await hosts.listShut()).toEqual([shut(a, 2, 60_000)]);
      await hosts.saveOpen([a]);
      await hosts.saveShut([shut(a, 1, 90_000)]);
      expect(await hosts.listShut()).toEqual([shut(a, 1, 90_000)]);
    });
  });

  describe("whoever is behind where the breaker is open", () => {
    test("is not claimed until it closes, and then not before its time; others are", async () => {
      await using opened = await open();
      const { store } = opened;
      await fallBehind(store, [
        { callback: `${a}/now` },
        { callback: `${a}/later`, dueAt: after(50) },
        { callback: `${b}/` },
        { callback: `${a}:8443/` },
      ]);
      await store.hosts.saveShut([shut(a)]);
      expect(await claimed(store, after(100))).toEqual([`${a}:8443/`, `${b}/`]);
      expect(await claimed(store, after(100))).toEqual([]);

      await store.hosts.saveOpen([a]);
      expect(await claimed(store, after(49))).toEqual([`${a}/now`]);
      expect(await claimed(store, after(50))).toEqual([`${a}/later`]);
    });

    test("is not claimed after a crash either", async () => {
      await using opened = await open();
      await fallBehind(opened.store, [{ callback: `${a}/` }]);
      await opened.store.hosts.saveShut([shut(a)]);
      await opened.crash();
      expect(await claimed(opened.store)).toEqual([]);
      await opened.store.hosts.saveOpen([a]);
      expect(await claimed(opened.store)).toEqual([`${a}/`]);
    });

    test("is not claimed because it falls behind meanwhile", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.hosts.saveShut([shut(a)]);
      await fallBehind(store, [{ callback: `${a}/` }, { callback: `${b}/` }]);
      expect(await claimed(store)).toEqual([`${b}/`]);
    });

    test.each(Object.entries(changes))("is not claimed because it is %s meanwhile", async (_, change) => {
      await using opened = await open();
      const { store } = opened;
      await fallBehind(store, [{ callback: `${a}/` }]);
      const claim = await claimCatchUp(store);
      await store.hosts.saveShut([shut(a)]);
      await change(store, claim);
      expect(await claimed(store, after(1e6))).toEqual([]);
      await store.hosts.saveOpen([a]);
      expect(await claimed(store, after(1e6))).toEqual([`${a}/`]);
    });

    test("settles the claim it has", async () => {
      await using opened = await open();
      const { store } = opened;
      await fallBehind(store, [{ callback: `${a}/` }]);
      const claim = await claimCatchUp(store);
      await store.hosts.saveShut([shut(a)]);
      expect(await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start)).toBe("done");
    });

    test("hides nobody: a long queue at one origin, and many origins that are shut", async () => {
      await using opened = await open();
      const { store } = opened;
      const queue = callbacksAt("a.example", 600);
      const hosts = Array.from({ length: 250 }, (_, i) => `https://shut-${i}.example`);
      const all = [...queue, ...hosts.map((host) => `${host}/`)].map((callback) => ({ callback }));
      await fallBehind(store, [{ callback: `${b}/`, dueAt: after(5) }, ...all]);
      await store.hosts.saveShut([a, ...hosts].map((origin) => shut(origin)));

      expect(await claimed(store, after(4))).toEqual([]);
      expect(await claimed(store, after(5))).toEqual([`${b}/`]);
      await store.hosts.saveOpen(hosts);
      expect(await claimAll(store)).toHaveLength(hosts.length);
    });
  });
}

const failed = { kind: "failed", ...wait() } as const;

/** What may become of a claimed row whose origin is shut. */
const changes: Readonly<Record<string, (store: Store, claim: CatchUpClaim) => Promise<unknown>>> = {
  released: (store, claim) => store.behind.release(claim),
  "tried in vain": (store, claim) => store.behind.settleCatchUp(claim, failed, record(claim), start),
  async hastened(store, claim) {
    const late = { ...failed, dueAt: after(1e6), hastenedBy: "success" } as const;
    await store.behind.settleCatchUp(claim, late, record(claim), start);
    expect(await store.behind.hasten(a, "recovery", plenty, start)).toBe(1);
  },
  async "delivered to and owed more"(store, claim) {
    await publish(store);
    await nextChunk(store);
    expect(await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), start)).toBe("more");
  },
  async "given up and handed over to"(store, claim) {
    await store.behind.settleCatchUp(claim, { ...failed, kind: "given_up" }, record(claim), start);
    await publish(store);
    await nextChunk(store);
  },
};

function byOrigin(hosts: readonly ShutHost[]): readonly ShutHost[] {
  return hosts.toSorted((one, other) => one.origin.localeCompare(other.origin));
}

async function claimed(store: Store, now = start): Promise<readonly string[]> {
  return (await store.behind.claimCatchUps(plenty, plenty, now)).map((claim) => claim.callback).toSorted();
}
