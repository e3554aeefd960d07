import { describe, expect, test } from "vitest";

import type { Store } from "../../src/store/store.ts";
import {
  after,
  callback,
  changed,
  claimFetch,
  intent,
  type OpenStore,
  plenty,
  start,
  subscribe,
  topic,
} from "./support.ts";

export function describeFetchClaims(open: OpenStore): void {
  describe("a claimed fetch", () => {
    test("is one of at most so many per host, whatever the port, earliest first", async () => {
      await using opened = await open();
      const { store } = opened;
      const urls = [1, 2, 3].map((i) => `https://blog.example:${443 + i}/`);
      for (const [i, url] of [...urls, "https://other.example/"].entries()) {
        await subscribe(store, { topic: url });
        await store.topics.ping([url], 0, after(i));
      }

      const claimed = await claimedUrls(plenty);
      expect(claimed.toSorted()).toEqual([urls[0], urls[1], "https://other.example/"]);
      expect(await claimedUrls(plenty)).toEqual([]);

      async function claimedUrls(limit: number) {
        return (await store.topics.claimFetches(limit, 2, after(10))).map((claim) => claim.url);
      }
    });

    test("of a host with a long queue leaves room for the others", async () => {
      await using opened = await open();
      const { store } = opened;
      const urls = Array.from({ length: 600 }, (_, i) => `https://blog.example/${i}`);
      await Promise.all(urls.map((url) => store.intents.addIntent(intent({ topic: url }), start)));
      await subscribe(store, { topic: "https://other.example/" });
      await store.topics.ping(urls, 0, start);
      await store.topics.ping(["https://other.example/"], 0, after(1));

      const claimed: string[] = [];
      for (let round = 0; round < 3; round += 1) {
        for (const { url } of await store.topics.claimFetches(50, 2, after(2))) claimed.push(new URL(url).host);
      }
      expect(claimed.toSorted()).toEqual(["blog.example", "blog.example", "other.example"]);
    });

    test("is not of a topic that nobody is subscribed to any more, until somebody is again", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.ping([topic], 0, after(5));
      await store.subscriptions.remove(topic, callback);
      expect(await urlsClaimed(store, after(9))).toEqual([]);
      await subscribe(store);
      expect(await urlsClaimed(store, after(4))).toEqual([]);
      expect(await urlsClaimed(store, after(5))).toEqual([topic]);
    });

    test("that failed is due again at its time, also beside one that is due later", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await subscribe(store, { topic: `${topic}?2` });
      await store.topics.ping([topic], 0, start);
      const claim = await claimFetch(store);
      await store.topics.ping([`${topic}?2`], 0, after(9));
      const failed = { kind: "failed", reason: "503", failures: 1, retryAt: after(7) } as const;
      await store.topics.settleFetch(claim, failed, 0, start);
      expect(await urlsClaimed(store, after(6))).toEqual([]);
      expect(await urlsClaimed(store, after(7))).toEqual([topic]);
      expect(await urlsClaimed(store, after(9))).toEqual([`${topic}?2`]);
    });

    test("that was pinged meanwhile is due again when it has been settled", async () => {
      await using opened = await open();
      const { store } = opened;
      await subscribe(store);
      await store.topics.ping([topic], 0, start);
      const claim = await claimFetch(store);
      await store.topics.ping([topic], 0, start);
      expect(await urlsClaimed(store, after(9))).toEqual([]);
      await store.topics.settleFetch(claim, changed(), 0, after(9));
      expect(await urlsClaimed(store, after(9))).toEqual([topic]);
    });
  });
}

async function urlsClaimed(store: Store, now: Date): Promise<readonly string[]> {
  return (await store.topics.claimFetches(plenty, plenty, now)).map((claim) => claim.url);
}
