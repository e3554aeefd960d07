import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";

import { afterAll, expect, test } from "vitest";

import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { migrationsFolder } from "../conformance/postgres-test-store.ts";
import { intent, start, topic } from "../conformance/support.ts";
import { spawnHubProcess, startHubProcess } from "../support/hub-process.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { askServer, openTestDatabase, type TestDatabase } from "../support/test-database.ts";
import { openTestHub, type TestHub } from "../support/test-hub.ts";
import { until } from "../support/until.ts";
import { openProxy } from "./proxy.ts";

// Promise F: what the database cannot store is never said to be stored, and the hub recovers by itself.

const role = `hub_${randomUUID().replaceAll("-", "")}`;

afterAll(async () => {
  await using database = await openTestDatabase();
  await database.connection.query(`DROP ROLE IF EXISTS ${role}`);
});

/** As an operator sets it up: the hub's user owns the database and may do no more. */
async function openOwnedDatabase() {
  const database = await openTestDatabase();
  const { connection } = database;
  const { rows } = await connection.query<{ readonly name: string }>("SELECT current_database() AS name");
  const name = rows[0]?.name ?? "";
  await connection.query(`DROP ROLE IF EXISTS ${role}`);
  await connection.query(`CREATE ROLE ${role} LOGIN PASSWORD 'hub'`);
  await connection.query(`ALTER DATABASE ${name} OWNER TO ${role}`);
  const url = new URL(database.url);
  url.username = role;
  url.password = "hub";
  return { ...database, name, url: url.href };
}

async function throwOut({ connection }: Pick<TestDatabase, "connection">): Promise<void> {
  await connection.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  );
}

/** Whoever is connected finds out. */
async function say(database: Owned, statement: string): Promise<void> {
  await askServer(statement);
  await throwOut(database);
}

type Owned = Awaited<ReturnType<typeof openOwnedDatabase>>;

/** Every write fails as it does when the server cannot make a file longer. */
const fillDisk = `
  CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
  ${writtenTables("CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON %I EXECUTE FUNCTION fill()")}`;
const freeDisk = `${writtenTables("DROP TRIGGER fill ON %I")}; DROP FUNCTION fill`;

function writtenTables(statement: string): string {
  return `DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP EXECUTE format('${statement}', name); END LOOP;
  END $$`;
}

const faults = [
  {
    fault: "is restarted",
    begin: (database: Owned) => say(database, `ALTER DATABASE ${database.name} ALLOW_CONNECTIONS false`),
    end: ({ name }: Owned) => askServer(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`),
  },
  {
    fault: "has no connections left",
    begin: (database: Owned) => say(database, `ALTER ROLE ${role} CONNECTION LIMIT 0`),
    end: () => askServer(`ALTER ROLE ${role} CONNECTION LIMIT -1`),
  },
  {
    fault: "takes no writes",
    begin: (database: Owned) => say(database, `ALTER DATABASE ${database.name} SET default_transaction_read_only = on`),
    end: ({ name }: Owned) => askServer(`ALTER DATABASE ${name} RESET default_transaction_read_only`),
  },
  {
    fault: "has no room left on its disk",
    begin: async ({ connection }: Owned) => void (await connection.query(fillDisk)),
    end: async ({ connection }: Owned) => void (await connection.query(freeDisk)),
  },
];

test.each(faults)("promise F: while the database $fault requests get 503, and afterwards all is well", async (one) => {
  await using database = await openOwnedDatabase();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  await using hub = await openTestHub({ database, running: true });
  const feed = publisher.topic("/feed");
  await hub.post({ "hub.mode": "subscribe", "hub.topic": feed, "hub.callback": subscriber.callback() });
  await until(async () => (await hub.store.subscriptions.find(feed, subscriber.callback())) !== undefined);
  publisher.serve("/feed", { body: "one" });

  await one.begin(database);
  const asked = { "hub.topic": feed, "hub.callback": subscriber.callback("/2") };
  const refused = await hub.post({ ...asked, "hub.mode": "subscribe" });
  expect([refused.status, await refused.text()]).toEqual([
    503,
    "the hub cannot store anything just now; try again later\n",
  ]);
  expect((await hub.post({ "hub.mode": "publish", "hub.url": feed })).status).toBe(503);
  const [ready, live] = await Promise.all(["/readyz", "/livez"].map((path) => fetch(new URL(path, hub.url))));
  expect([ready?.status, live?.status]).toEqual([503, 200]);
  await one.end(database);

  await until(async () => {
    hub.clock.advance(1000); // as long as an answer is kept
    return (await fetch(new URL("/readyz", hub.url))).status === 200;
  });
  await untilAccepted(hub, { ...asked, "hub.mode": "subscribe" });
  await untilAccepted(hub, { "hub.mode": "publish", "hub.url": feed });
  await until(() => {
    hub.clock.advance(500);
    return subscriber.deliveries.length > 0;
  });
  expect(String(subscriber.deliveries[0]?.body)).toBe("one");
});

/** Each connection of the pool has to find out by itself. */
async function untilAccepted(hub: TestHub, form: Readonly<Record<string, string>>): Promise<void> {
  await until(async () => (await hub.post(form)).status < 300);
}

test("a database that does not answer keeps a bounded number waiting, and refuses the others at once", async () => {
  await using database = await openTestDatabase();
  const store = await openPostgresStore(database.url, { migrationsFolder, connections: 2 });
  await database.connection.query("BEGIN; LOCK TABLE topics, intents IN ACCESS EXCLUSIVE MODE");
  const reads = Array.from({ length: 5100 }, () => store.topics.find(topic));
  const writes = Array.from({ length: 11_000 }, (_, i) =>
    store.intents.addIntent(intent({ callback: `https://reader.example/${i}` }), start),
  );
  const settled = Promise.allSettled([Promise.allSettled(reads), Promise.allSettled(writes)]);
  const refusedReads = await refusedAtOnce(reads);
  const refusedWrites = await refusedAtOnce(writes);
  await database.connection.query("COMMIT");
  await settled;
  expect(refusedReads.length).toBeGreaterThanOrEqual(90);
  expect(refusedWrites.length).toBeGreaterThanOrEqual(1000);
  for (const reason of [...refusedReads, ...refusedWrites]) expect(reason).toMatchObject({ code: "store_unavailable" });
  await store.assertWritable(start);
  await store[Symbol.asyncDispose]();
});

async function refusedAtOnce(asked: readonly Promise<unknown>[]): Promise<readonly unknown[]> {
  const refused: unknown[] = [];
  for (const one of asked) one.catch((error: unknown) => refused.push(error));
  await setTimeout(200);
  return [...refused];
}

test("while the database does not answer, what a hub sends is what it has claimed and no more", async () => {
  await using database = await openTestDatabase();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber();
  await using hub = await openTestHub({ database, running: true, settings: { MAX_IN_FLIGHT: "50" } });
  const { connection } = database;
  const feed = publisher.topic("/feed");
  await hub.post({ "hub.mode": "subscribe", "hub.topic": feed, "hub.callback": subscriber.callback("/0") });
  await until(async () => (await hub.store.subscriptions.find(feed, subscriber.callback("/0"))) !== undefined);
  await connection.query(
    `INSERT INTO subscriptions (topic_id, first_seq, callback, verified_at, expires_at)
     SELECT topic_id, first_seq, '${subscriber.callback("/")}' || n, verified_at, expires_at
       FROM subscriptions, generate_series(1, 4999) n`,
  );
  publisher.serve("/feed", { body: "one" });
  await hub.post({ "hub.mode": "publish", "hub.url": feed });
  await until(() => subscriber.deliveries.length > 0);
  await connection.query("BEGIN; LOCK TABLE chunks, fan_outs, behind IN ACCESS EXCLUSIVE MODE");
  const { rows } = await connection.query("SELECT sum(open) AS open, sum(delivered) AS delivered FROM fan_outs");
  const [{ open, delivered }] = rows as [{ open: string; delivered: string }];
  for (let sent = -1; sent < subscriber.deliveries.length; await setTimeout(300)) sent = subscriber.deliveries.length;

  expect(subscriber.deliveries.length).toBeLessThanOrEqual(Number(open) * 1000 + Number(delivered));
  expect(subscriber.deliveries.length).toBeLessThan(5000);
  await connection.query("COMMIT");
  await until(() => {
    hub.clock.advance(50);
    return subscriber.deliveries.length >= 5000;
  });
  expect(new Set(subscriber.deliveries.map(({ target }) => target)).size).toBe(5000);
});

test.concurrent("promise E: a hub whose database does not answer ends within 10 s, whoever waits for an answer", async () => {
  await using database = await openTestDatabase();
  await using proxy = await openProxy(database.url);
  await using hub = await startHubProcess({ DATABASE_URL: proxy.url, LOG_LEVEL: "silent" });
  proxy.freeze();
  const body = new URLSearchParams({ "hub.mode": "publish", "hub.url": topic });
  const asked = fetch(hub.url, { method: "POST", body }).catch(() => "hung up on");
  await setTimeout(1000); // all the workers have asked
  const begunMs = performance.now();
  expect(await hub.end("SIGTERM")).toBe(0);
  expect(performance.now() - begunMs).toBeLessThan(10_000);
  expect(await asked).toBe("hung up on");
});

test.concurrent("promise E: a hub that waits for its database when it starts ends within 10 s too", async () => {
  await using database = await openTestDatabase();
  await using proxy = await openProxy(database.url);
  proxy.freeze();
  await using hub = spawnHubProcess({ DATABASE_URL: proxy.url, LOG_LEVEL: "silent" });
  const isUp = hub.up.catch(() => false);
  while (!proxy.isUsed) await setTimeout(20);
  const begunMs = performance.now();
  expect(await hub.end("SIGTERM")).toBe(0);
  expect(performance.now() - begunMs).toBeLessThan(10_000);
  expect(await isUp).toBe(false);
});
