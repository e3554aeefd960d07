import { describe, expect, test } from "vitest";

import {
  after,
  callbacksAt,
  deliverAll,
  fallBehind,
  intent,
  type OpenStore,
  publish,
  settleIntents,
  shut,
  start,
  subscribe,
  subscribeMany,
  topic,
} from "./support.ts";

const other = "https://blog.example/other";
const nothing = { topics: 0, subscriptions: 0, pending: 0, behind: 0, openBreakers: 0, oldestUndoneAt: undefined };

export function describeFigures(open: OpenStore): void {
  describe("figures", () => {
    test("an empty store has nothing", async () => {
      await using opened = await open();
      expect(await opened.store.figures()).toEqual(nothing);
    });

    test("count what is there, more than a page of it too", async () => {
      await using opened = await open();
      const { store } = opened;
      const urls = Array.from({ length: 1001 }, (_, i) => `https://blog.example/${i}`);
      await Promise.all(urls.map((url) => store.intents.addIntent(intent({ topic: url }), start)));
      expect(await store.figures()).toEqual({ ...nothing, pending: 1001 });
      await settleIntents(store, { next: "apply", verifiedAt: start });
      expect(await store.figures()).toEqual({ ...nothing, topics: 1001, subscriptions: 1001 });
      await subscribeMany(store, 3);
      expect(await store.figures()).toMatchObject({ topics: 1002, subscriptions: 1004 });
    });

    test("requests that were dropped do not wait, denied ones do until that is told", async () => {
      await using opened = await open();
      const { store } = opened;
      for (const callback of callbacksAt("peer", 2)) await store.intents.addIntent(intent({ callback }), start);
      const [first, second] = await store.intents.claimIntents(2, 2, start);
      if (first === undefined || second === undefined) throw new Error("two were added");
      await store.intents.settleIntent(first, { next: "deny", reason: "no" }, start);
      await store.intents.settleIntent(second, { next: "drop", reason: "no" }, start);
      expect(await store.figures()).toEqual({ ...nothing, pending: 1 });
    });

    test("tell who is behind, which breakers are open, and since when something is on its way", async () => {
      await using opened = await open();
      const { store } = opened;
      await fallBehind(
        store,
        callbacksAt("peer", 3).map((callback) => ({ callback })),
      );
      await store.hosts.saveShut([shut("https://a.example"), shut("https://b.example")]);
      expect(await store.figures()).toMatchObject({ behind: 3, openBreakers: 2, oldestUndoneAt: undefined });
      await subscribe(store, { topic: other });
      await publish(store, other, after(1000));
      await publish(store, topic, after(2000));
      expect((await store.figures()).oldestUndoneAt).toEqual(after(1000));
      await deliverAll(store);
      expect((await store.figures()).oldestUndoneAt).toBe(undefined);
    });
  });
}
