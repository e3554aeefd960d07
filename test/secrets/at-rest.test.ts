import { createSecretKey } from "node:crypto";

import { describe, expect, test } from "vitest";

import { loadConfig } from "../../src/config.ts";
import { openSecrets } from "../../src/open-store.ts";
import { rotateSecrets } from "../../src/secret-keys.ts";
import { createSecrets } from "../../src/secrets.ts";
import { openPublisher } from "../support/publisher.ts";
import { signatureOf, toSubscribe } from "../support/requests.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestHub, type TestHub } from "../support/test-hub.ts";
import { type Place, places } from "./places.ts";

const [a, b, c] = ["0a", "0b", "0c"].map((digits) => digits.repeat(32)) as [string, string, string];
const idOf = (key: string) => createSecrets([createSecretKey(key, "hex")]).ids[0];

function open(database: Place, keys: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<TestHub> {
  return openTestHub({ database, settings: { SECRET_KEY: keys.join(","), ...more } });
}

async function rotate({ url }: Place, ...keys: readonly string[]) {
  const env = { CARILLON_DATABASE_URL: url, CARILLON_SECRET_KEY: keys.join(",") };
  const config = loadConfig(env, []);
  await using opened = await openSecrets(config);
  const { isAlone } = opened;
  const signal = new AbortController().signal;
  const rotation = await rotateSecrets(opened.secrets, createSecrets(config.secretKeys), { signal, isAlone });
  if (isAlone) await opened.rewrite();
  return rotation;
}

/** A publisher, and a subscriber whose callbacks have the secret "secret of PATH". */
async function openPeers() {
  const stack = new AsyncDisposableStack();
  const publisher = stack.use(await openPublisher());
  const subscriber = stack.use(await openSubscriber());
  const topic = publisher.topic("/feed");
  const secretOf = (path: string) => ({ "hub.secret": `secret of ${path}` });
  return {
    subscriber,
    topic,
    ask: (hub: TestHub, path: string) => hub.post(toSubscribe(topic, subscriber.callback(path), secretOf(path))),
    subscribe: (hub: TestHub, path: string) => hub.subscribe(topic, subscriber.callback(path), secretOf(path)),
    async publish(hub: TestHub, body: string) {
      publisher.serve("/feed", { body });
      await hub.publish(topic);
    },
    /** Whom a publication has come to, each signed with its own secret; others are marked. */
    received: (of: string) =>
      subscriber.deliveries
        .filter(({ body }) => body.toString() === of)
        .map(({ target, headers, body }) => {
          const isSigned = headers["x-hub-signature"] === signatureOf(body, `secret of ${target}`);
          return isSigned ? target : `${target}: ${headers["x-hub-signature"]}`;
        })
        .toSorted(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

describe.each(places)("$kind: secrets at rest", ({ open: openPlace }) => {
  test("with a key none is in the database, at no time, and everybody gets what is signed with their own", async () => {
    await using place = await openPlace();
    await using peers = await openPeers();
    await using hub = await open(place, [a]);
    await peers.ask(hub, "/1");
    expect(await place.read()).not.toContain("secret of");
    await hub.drain();
    await peers.subscribe(hub, "/2");
    await peers.publish(hub, "one");

    expect(peers.received("one")).toEqual(["/1", "/2"]);
    const stored = await place.read();
    expect(stored).not.toContain("secret of");
    expect(stored.split(`sealed:1:${idOf(a)}:`).length).toBeGreaterThan(2);
  });

  test("what was kept before there was a key is sealed by rotate-key, verified or not, and none of it is left", async () => {
    await using place = await openPlace();
    await using peers = await openPeers();
    {
      await using hub = await open(place, []);
      await peers.subscribe(hub, "/1");
      await peers.ask(hub, "/2");
      expect(await place.read()).toContain("secret of /1");
    }
    {
      await using hub = await open(place, [a]);
      await peers.ask(hub, "/3");
    }
    expect(await rotate(place, a)).toEqual({ sealed: 2, damaged: 0 });
    expect(await place.read()).not.toContain("secret of");
    expect(await rotate(place, a)).toEqual({ sealed: 0, damaged: 0 });
    await using hub = await open(place, [a]);
    await hub.drain();
    await peers.publish(hub, "one");
    expect(peers.received("one")).toEqual(["/1", "/2", "/3"]);
  });

  test("keys rotate beside a hub that works: the new one behind, in front, rotate-key, the old one goes", async () => {
    await using place = await openPlace();
    await using peers = await openPeers();
    await using hub = await open(place, []);
    for (const [path, keys] of [
      ["/1", ""],
      ["/2", a],
      ["/3", `${a},${b}`],
      ["/4", `${b},${a}`],
    ] as const) {
      await hub.restart({ SECRET_KEY: keys });
      await peers.subscribe(hub, path);
    }
    await peers.publish(hub, "one");
    expect(peers.received("one")).toEqual(["/1", "/2", "/3", "/4"]);

    expect(await rotate(place, b, a)).toEqual({ sealed: 3, damaged: 0 });
    await peers.publish(hub, "two");
    expect(peers.received("two")).toEqual(["/1", "/2", "/3", "/4"]);
    await hub.restart({ SECRET_KEY: b });
    await peers.publish(hub, "three");
    expect(peers.received("three")).toEqual(["/1", "/2", "/3", "/4"]);
  });

  test("what is written behind the back of rotate-key is met by another pass of it", async () => {
    await using place = await openPlace();
    await using peers = await openPeers();
    await using hub = await open(place, [a]);
    for (const path of ["/1", "/2"]) await peers.subscribe(hub, path);
    await hub.restart({ SECRET_KEY: `${b},${a}` });
    const { secrets: store } = hub.store;
    const keys = createSecrets([b, a].map((key) => createSecretKey(key, "hex")));
    let isLate = false;
    const disturbed: typeof store = {
      ...store,
      async changeSecrets(table, changes) {
        const count = await store.changeSecrets(table, changes);
        if (!isLate) await place.run("UPDATE subscriptions SET secret = 'secret of /1' WHERE callback LIKE '%/1'");
        isLate = true;
        return count;
      },
    };
    const options = { signal: new AbortController().signal, isAlone: false };
    expect(await rotateSecrets(disturbed, keys, options)).toEqual({ sealed: 3, damaged: 0 });
    await hub.restart({ SECRET_KEY: b });
    await peers.publish(hub, "one");
    expect(peers.received("one")).toEqual(["/1", "/2"]);
  });

  test.each([
    { what: "without the key", keys: [] },
    { what: "with another one", keys: [b] },
  ])("a hub $what refuses to start, and names the key; with it nothing has changed", async ({ keys }) => {
    await using place = await openPlace();
    await using peers = await openPeers();
    await using hub = await open(place, [a]);
    await peers.subscribe(hub, "/1");
    await expect(hub.restart({ SECRET_KEY: keys.join(",") })).rejects.toMatchObject({
      name: "SettingsError",
      faults: [expect.stringMatching(`^CARILLON_SECRET_KEY lacks the key ${idOf(a)}, `)],
    });
    await hub.restart({ SECRET_KEY: a });
    await peers.publish(hub, "one");
    expect(peers.received("one")).toEqual(["/1"]);
  });

  test("a key that nothing was sealed with is not missed", async () => {
    await using place = await openPlace();
    await using peers = await openPeers();
    await using hub = await open(place, [a]);
    await hub.restart({ SECRET_KEY: b });
    await peers.subscribe(hub, "/1");
    await peers.publish(hub, "one");
    expect(peers.received("one")).toEqual(["/1"]);
  });

  test("rotate-key refuses to seal with what hubs cannot open, and without a key that it needs", async () => {
    await using place = await openPlace();
    await using peers = await openPeers();
    await using hub = await open(place, [a]);
    await peers.subscribe(hub, "/1");
    await expect(rotate(place)).rejects.toThrow("CARILLON_SECRET_KEY is not set");
    await expect(rotate(place, b, a)).rejects.toThrow(`no hub has started with the first key`);
    await hub.restart({ SECRET_KEY: `${b},${a}` });
    await expect(rotate(place, b, c)).rejects.toThrow(`CARILLON_SECRET_KEY lacks the key ${idOf(a)}`);
    await expect(hub.restart({ SECRET_KEY: b })).rejects.toThrow(`lacks the key ${idOf(a)}`);
    await hub.restart({ SECRET_KEY: `${b},${a}` });
    await peers.publish(hub, "one");
    expect(peers.received("one")).toEqual(["/1"]);
  });
});

const elsewhere = { topic: "https://blog.example/other", callback: "https://reader.example/" };

describe.each(places)("$kind: a sealed secret that cannot be opened", ({ open: openPlace }) => {
  test.each([
    {
      what: "somebody else's",
      kept: createSecrets([createSecretKey(a, "hex")]).seal("x", elsewhere),
      why: /been changed/,
    },
    { what: "sealed with a key that is not there", kept: `sealed:1:deadbeef:${"A".repeat(60)}`, why: /key deadbeef/ },
  ])("($what) delays its own deliveries, until it is renewed: nothing goes out unsigned", async ({ kept, why }) => {
    await using place = await openPlace();
    await using peers = await openPeers();
    await using hub = await open(place, [a], { DELIVERY_THREADS: "1" });
    await peers.subscribe(hub, "/good");
    await peers.subscribe(hub, "/bad");
    await place.run(`UPDATE subscriptions SET secret = '${kept}' WHERE callback LIKE '%/bad'`);
    await peers.publish(hub, "one");
    await hub.pass(60_000);
    expect(peers.received("one")).toEqual(["/good"]);
    const known = await hub.store.topics.find(peers.topic);
    const log = await hub.store.attempts.newest(known?.id ?? 0, 10);
    expect(log.map(({ outcome }) => outcome).toSorted()).toEqual(["delivered", "failed", "failed"]);
    const failed = expect.objectContaining({
      outcome: "failed",
      reason: expect.stringMatching(why) as string,
    }) as unknown;
    expect(log.filter(({ outcome }) => outcome === "failed")).toEqual([failed, failed]);

    await peers.subscribe(hub, "/bad");
    await hub.pass(60_000);
    expect(peers.received("one")).toEqual(["/bad", "/good"]);
  });
});
