import { createSecretKey } from "node:crypto";

import { describe, expect, test } from "vitest";

import { createSecrets } from "../../src/secrets.ts";
import { found, intent, start } from "../conformance/support.ts";
import { openPublisher } from "../support/publisher.ts";
import { signatureOf, toSubscribe, toUnsubscribe } from "../support/requests.ts";
import { openSubscriber, parameters } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";
import { type Place, places } from "./places.ts";
import { runCommand } from "../support/command.ts";

const [former, key] = ["0f".repeat(32), "1e".repeat(32)];
const [lostId = "", otherId = ""] = [former, key].map((hex) => createSecrets([createSecretKey(hex, "hex")]).ids[0]);

function giveUp({ url }: Place, keys: string, ...words: readonly string[]) {
  return runCommand(["rotate-key", "--give-up", ...words], { DATABASE_URL: url, SECRET_KEY: keys });
}

describe.each(places)("$kind: carillon rotate-key --give-up, when a key is lost", ({ open }) => {
  test("ends what was sealed with it, tells the callbacks, and leaves all others", async () => {
    await using place = await open();
    await using publisher = await openPublisher();
    await using subscriber = await openSubscriber();
    const topic = publisher.topic("/feed");
    {
      await using hub = await openTestHub({ database: place, now: new Date(), settings: { SECRET_KEY: former } });
      for (const path of ["/1", "/2"]) await hub.subscribe(topic, subscriber.callback(path), { "hub.secret": "s" });
      await hub.subscribe(topic, subscriber.callback("/plain"));
      await hub.post(toSubscribe(topic, subscriber.callback("/asked"), { "hub.secret": "s" }));
      await hub.post(toUnsubscribe(topic, subscriber.callback("/2"), { "hub.secret": "s" }));
      expect((await giveUp(place, key, lostId)).code).toBe(1);
    }
    const settings = { SECRET_KEY: key };
    await expect(openTestHub({ database: place, settings })).rejects.toThrow(`rotate-key --give-up ${lostId}`);
    const { code, lines } = await giveUp(place, key, lostId);
    expect([code, lines[0]]).toEqual([
      0,
      `2 subscriptions have ended, and 2 requests are denied, that key ${lostId} was for`,
    ]);

    await using hub = await openTestHub({ database: place, now: new Date(), settings });
    await hub.drain();
    const denied = subscriber.verifications.filter((one) => parameters(one).get("hub.mode") === "denied");
    expect(new Set(denied.map(({ target }) => target.split("?")[0]))).toEqual(new Set(["/1", "/2", "/asked"]));
    expect(parameters(found(denied[0])).get("hub.reason")).toContain("subscribe again");
    publisher.serve("/feed", { body: "one" });
    await hub.publish(topic);
    expect(subscriber.deliveries.map(({ target }) => target)).toEqual(["/plain"]);
    await hub.subscribe(topic, subscriber.callback("/1"), { "hub.secret": "new" });
    publisher.serve("/feed", { body: "two" });
    await hub.publish(topic);
    const again = found(subscriber.deliveries.find(({ target }) => target === "/1"));
    expect(again.headers["x-hub-signature"]).toBe(signatureOf(again.body, "new"));
  });

  test("ends nothing where the key is at hand, is in no use, or is not named", async () => {
    await using place = await open();
    {
      await using hub = await openTestHub({ database: place, settings: { SECRET_KEY: former } });
      await hub.store.intents.addIntent(intent({ secret: "s" }), start);
    }
    for (const [words, keys, said] of [
      [[lostId], `${key},${former}`, "is not lost"],
      [[otherId], "", `of which there are: ${lostId}`],
      [[former], key, "by its 8 hex digits"],
      [[], key, "by its 8 hex digits"],
    ] as const) {
      const { code, complaint } = await giveUp(place, keys, ...words);
      expect([code, complaint]).toEqual([2, expect.stringContaining(said)]);
      expect(complaint).not.toContain(former);
    }
  });
});
