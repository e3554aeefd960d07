import { join } from "node:path";

import { expect, test } from "vitest";

import { close, cut, found, idsOf } from "../conformance/support.ts";
import type { Received } from "../support/peer.ts";
import { openPublisher } from "../support/publisher.ts";
import { echo, openSubscriber } from "../support/subscriber.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { openTestHub, type TestHub } from "../support/test-hub.ts";
import { openFolder, readFile } from "./odd-hub.ts";
import { migrateStore } from "./program.ts";

const hour = 3_600_000;

test("a hub that was moved to PostgreSQL, and back, goes on with all it owed: in order, with the same Webhook-Ids", async () => {
  await using folder = await openFolder();
  await using database = await openTestDatabase();
  await using publisher = await openPublisher();
  let isDown = false;
  await using steady = await openSubscriber({
    verify: (request) => (isDown && request.target.startsWith("/asking") ? { status: 503 } : echo(request)),
  });
  // A host of its own: what one host answers hastens what it is owed elsewhere.
  await using shaky = await openSubscriber({ receive: () => ({ status: isDown ? 500 : 204 }) });
  const [first, second] = ["first.db", "second.db"].map((name) => ({ url: `file:${join(folder.path, name)}` }));
  const topic = publisher.topic("/feed");
  const update = (body: string) => publisher.serve("/feed", { body });
  let now = new Date("2026-01-01T00:00:00Z");
  const live = async (place: { readonly url: string } | undefined, life: (hub: TestHub) => Promise<void>) => {
    await using hub = await openTestHub({ database: found(place), now });
    await life(hub);
    now = hub.clock.now();
  };

  // On SQLite: one subscriber is behind, a request waits, and a publication is half delivered when the hub dies.
  await live(first, async (hub) => {
    await hub.subscribe(topic, shaky.callback(), { "hub.secret": "a secret" });
    for (const path of ["/left", "/done", "/last"]) await hub.subscribe(topic, steady.callback(path));
    await hub.post({ "hub.mode": "unsubscribe", "hub.topic": topic, "hub.callback": steady.callback("/last") });
    await hub.drain();
    await hub.store.topics.setPolicy(topic, "every");
    isDown = true;
    update("one");
    await hub.publish(topic);
    await hub.post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": steady.callback("/asking") });
    await hub.drain();
    await publishUndelivered(hub, topic, "two");
    const chunk = await cut(hub.store, hub.clock.now());
    const left = chunk.recipients.filter(({ callback }) => callback.endsWith("/left"));
    await close(hub.store, chunk, { left: idsOf({ recipients: left }) });
  });
  expect(tell(steady.deliveries)).toEqual({ "/left": ["one"], "/done": ["one"] });
  expect(await migrateStore(found(first).url, database.url)).toMatchObject({ code: 0, complaint: "" });

  await live(database, async (hub) => {
    await hub.drain();
    expect(tell(steady.deliveries)).toEqual({ "/left": ["one", "two"], "/done": ["one"] });
    expect(shaky.deliveries.map(bodyOf)).toEqual(["one"]);
    isDown = false;
    await hub.pass(hour);
    expect(shaky.deliveries.map(bodyOf)).toEqual(["one", "one", "two"]);
    expect(shaky.deliveries.map(({ headers }) => headers["carillon-attempt"])).toEqual(["1", "2", "1"]);
    const [once, again, next] = shaky.deliveries.map(idOf);
    expect(again).toBe(once);
    expect(next).not.toBe(once);
    // Who asked before the move is verified after it. Who comes back gets an id of its own.
    await hub.subscribe(topic, steady.callback("/last"));
    isDown = true;
    update("three");
    await hub.publish(topic);
  });
  expect(tell(steady.deliveries)).toMatchObject({
    "/asking": ["three"],
    "/last": ["three"],
    "/done": ["one", "three"],
  });
  expect(new Set(steady.deliveries.map(idOf)).size).toBe(steady.deliveries.length);
  expect(await migrateStore(database.url, found(second).url)).toMatchObject({ code: 0, complaint: "" });

  await live(second, async (hub) => {
    isDown = false;
    await hub.pass(hour);
    update("four");
    await hub.publish(topic);
  });
  expect(shaky.deliveries.map(bodyOf)).toEqual(["one", "one", "two", "three", "three", "four"]);
  expect(idOf(shaky.deliveries[3])).toBe(idOf(shaky.deliveries[4]));
  expect(shaky.deliveries.at(-1)?.headers["x-hub-signature"]).toMatch(/^sha256=/);
  for (const bodies of Object.values(tell(steady.deliveries))) expect(bodies?.at(-1)).toBe("four");
  const log = readFile(join(folder.path, "second.db"))["attempts"]?.map((row) => String(row["outcome"]));
  expect(log?.filter((outcome) => outcome === "failed")).toHaveLength(2);
  expect(log?.filter((outcome) => outcome === "delivered")).toHaveLength(steady.deliveries.length + 4);
});

/** Fetched, and its fan-out begun, by hand: `drain` would go on to the end. */
async function publishUndelivered({ store, clock }: TestHub, topic: string, body: string): Promise<void> {
  await store.topics.ping([topic], 0, clock.now());
  const [claim] = await store.topics.claimFetches(1, 1, clock.now());
  const content = { body: Buffer.from(body), contentType: "text/plain", links: { hubs: [], self: undefined } };
  const validators = { etag: undefined, lastModified: undefined };
  await store.topics.settleFetch(
    found(claim),
    { kind: "changed", content, fingerprint: body, validators },
    0,
    clock.now(),
  );
}

/** The bodies that came to each callback, in order. */
function tell(deliveries: readonly Received[]): Partial<Record<string, readonly string[]>> {
  const byTarget = Map.groupBy(deliveries, ({ target }) => target);
  return Object.fromEntries([...byTarget].map(([target, some]) => [target, some.map(bodyOf)]));
}

function bodyOf({ body }: Received): string {
  return body.toString();
}

function idOf(delivery: Received | undefined): string | undefined {
  return delivery?.headers["webhook-id"];
}
