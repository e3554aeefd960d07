import { expect, test } from "vitest";

import { openPublisher } from "../support/publisher.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { openTestHub } from "../support/test-hub.ts";
import { until } from "../support/until.ts";
import { openProxy } from "./proxy.ts";

// Two hubs: one that steps by itself while its clock stands still, so that it hears of work only by being told; and one
// that publishes and delivers nothing.

const pollMs = 500;

async function openPair() {
  const stack = new AsyncDisposableStack();
  const database = stack.use(await openTestDatabase());
  const proxy = stack.use(await openProxy(database.url));
  const publisher = stack.use(await openPublisher());
  const subscriber = stack.use(await openSubscriber());
  const told = stack.use(await openTestHub({ database: proxy, running: true }));
  const topic = publisher.topic("/feed");
  await told.subscribe(topic, subscriber.callback());
  await until(async () => (await listeners(database)) === 1);
  const telling = stack.use(await openTestHub({ database }));
  return { database, proxy, subscriber, told, topic, telling, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

type Pair = Awaited<ReturnType<typeof openPair>>;

async function listeners({ connection }: Pick<Pair["database"], "connection">): Promise<number | null> {
  const asked = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
  return (await connection.query(asked)).rowCount;
}

/** Publishes through the one that delivers nothing. */
async function publish({ telling, topic }: Pair, body: string): Promise<void> {
  const now = telling.clock.now();
  const { topics } = telling.store;
  await topics.ping([topic], 0, now);
  const [claim] = await topics.claimFetches(1, 1, now);
  if (claim === undefined) throw new Error("nothing is to be fetched");
  const content = { body: Buffer.from(body), contentType: "text/plain", links: { hubs: [], self: undefined } };
  const validators = { etag: undefined, lastModified: undefined };
  await topics.settleFetch(claim, { kind: "changed", content, fingerprint: body, validators }, 0, now);
}

test("a publication on one node is delivered by another at once, without a poll", async () => {
  await using pair = await openPair();
  await publish(pair, "one");
  await pair.subscriber.seen(2);
  expect(pair.subscriber.deliveries.map(({ body }) => String(body))).toEqual(["one"]);
});

test("each publication is told once, and nothing else is", async () => {
  await using pair = await openPair();
  const { connection } = pair.database;
  const told: string[] = [];
  connection.on("notification", ({ channel }) => told.push(channel));
  await connection.query('LISTEN "carillon.public"');
  await publish(pair, "one");
  await publish(pair, "two");
  await pair.told.subscribe(pair.topic, pair.subscriber.callback("/another"));
  await connection.query("SELECT 1");
  expect(told).toEqual(["carillon.public", "carillon.public"]);
});

test("when nothing that is told arrives, a poll finds it", async () => {
  await using pair = await openPair();
  pair.proxy.deafen();
  await publish(pair, "one");
  expect(pair.subscriber.deliveries).toEqual([]);
  await until(() => {
    pair.told.clock.advance(pollMs);
    return pair.subscriber.deliveries.length === 1;
  });
});

test("a listener whose connection breaks listens again, and what it missed is found", async () => {
  await using pair = await openPair();
  pair.proxy.isCut = true;
  pair.proxy.cutAll();
  await publish(pair, "one");
  pair.proxy.isCut = false;
  await pair.subscriber.seen(2);
  await publish(pair, "two");
  await pair.subscriber.seen(3);
  expect(pair.subscriber.deliveries.map(({ body }) => String(body))).toEqual(["one", "two"]);
});
