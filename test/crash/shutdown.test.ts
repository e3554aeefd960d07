import { setTimeout } from "node:timers/promises";

import { expect, test } from "vitest";

import { subscribeBySql, subscribeInPostgres } from "../bench/seed-by-sql.ts";
import { type HubProcess, startHubProcess } from "../support/hub-process.ts";
import { openPublisher } from "../support/publisher.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { type Crowd, openCrowd, type Post } from "./crowd.ts";
import type { Database } from "./database.ts";
import { openPostgresDatabase } from "./postgres-database.ts";
import { untilSettled } from "./settle.ts";
import { openSqliteFile } from "./sqlite-file.ts";

const subscribers = 2000;
/** So many have been sent to when the signal comes. */
const begun = 400;
/** Signals that come closer are taken for one. */
const betweenSignalsMs = 600;
const betweenTriesMs = 20;
/** What finished so long before an end without order may come again. */
const repeatableMs = 1000;
/** What is answered so soon after SIGTERM is waited for: those that take 3 s, not those that never answer. */
const patienceMs = 4000;

const hubs = [
  { store: "sqlite", threads: 0 },
  { store: "sqlite", threads: 2 },
  { store: "postgres", threads: 0 },
  { store: "postgres", threads: 2 },
] as const;

const patient = { timeout: 180_000 };

type Given = (typeof hubs)[number];

test(
  "promise E: SIGTERM in full fan-out ends the hub with 0 within 10 s; its successor sends what is left, and again only what was in flight",
  patient,
  async () => {
    const outcomes = await Promise.all(hubs.map((given) => interrupt(given, endOnce)));
    const kept = { code: 0, isInTime: true, isAmid: true, missing: 0, unexcused: 0, otherIds: 0 };
    expect(outcomes).toMatchObject(hubs.map(() => kept));
    // Those that never answer: some were in flight, and were cut off.
    expect(Math.min(...outcomes.map(({ repeats }) => repeats))).toBeGreaterThan(0);
  },
);

test("promise E: a second SIGTERM ends the hub at once, and its successor sends what is left", patient, async () => {
  const outcome = await interrupt({ store: "sqlite", threads: 2 }, endTwice);
  const kept = { code: 143, isInTime: true, isAmid: true, missing: 0, unexcused: 0, otherIds: 0 };
  expect(outcome).toMatchObject(kept);
});

/** How a hub is ended. Resolves to its exit code, to whether that came in time, and to when the last answers came that count for certain. */
type End = (hub: HubProcess) => Promise<{
  readonly code: number | null;
  readonly isInTime: boolean;
  readonly countedUntilMs: number;
}>;

async function endOnce(hub: HubProcess) {
  const signalledMs = performance.now();
  const code = await hub.end("SIGTERM");
  return { code, isInTime: performance.now() - signalledMs < 10_000, countedUntilMs: signalledMs + patienceMs };
}

async function endTwice(hub: HubProcess) {
  hub.signal("SIGTERM");
  while (!(await refuses(hub))) await setTimeout(betweenTriesMs);
  await setTimeout(betweenSignalsMs);
  const signalledMs = performance.now();
  const code = await hub.end("SIGTERM");
  const endedMs = performance.now();
  return { code, isInTime: endedMs - signalledMs < 1000, countedUntilMs: endedMs - repeatableMs };
}

/** It has heard that it is to end: it closes its door first. */
function refuses({ url }: HubProcess): Promise<boolean> {
  return fetch(new URL("/livez", url)).then(
    () => false,
    () => true,
  );
}

/** Ends a hub in the middle of a fan-out, has another one go on, and counts. */
async function interrupt({ store, threads }: Given, end: End) {
  await using stack = new AsyncDisposableStack();
  const { database, seed } = await open(store, stack);
  const crowd = stack.use(await openCrowd());
  const publisher = stack.use(await openPublisher());
  publisher.serve("/feed", { body: "content ".repeat(500) });
  const topic = publisher.topic("/feed");
  const start = async () => stack.use(await startHub(database, threads));

  const hub = await start();
  await seed(topic, crowd.origins);
  const form = new URLSearchParams({ "hub.mode": "publish", "hub.url": topic });
  const response = await fetch(hub.url, { method: "POST", body: form });
  expect(response.status).toBe(204);
  await crowd.reached(begun);
  const { countedUntilMs, ...ended } = await end(hub);
  // Nothing is begun any more: for the prompt alone it had time enough.
  const isAmid = crowd.posts.filter(({ isPrompt }) => isPrompt).length < 0.9 * subscribers;
  const excused = new Set(crowd.posts.filter(({ answeredMs = Infinity }) => answeredMs > countedUntilMs));

  if (ended.code !== 0) await database.afterKill(false);
  crowd.relent();
  await start();
  expect(await untilSettled(database)).toEqual([]);
  return { ...ended, isAmid, ...count(crowd, excused) };
}

function count({ posts }: Crowd, excused: ReadonlySet<Post>) {
  const byTarget = [...Map.groupBy(posts, ({ target }) => target).values()];
  const again = byTarget.filter(({ length }) => length > 1);
  return {
    missing: subscribers - byTarget.length,
    repeats: again.length,
    /** Sent more often than once, although nothing stood in the way of the first time. */
    unexcused: again.filter(([first, ...rest]) => rest.length > 1 || first === undefined || !excused.has(first)).length,
    otherIds: byTarget.filter((all) => new Set(all.map(({ webhookId }) => webhookId)).size > 1).length,
  };
}

function startHub(database: Database, threads: number): Promise<HubProcess> {
  const settings = { DATABASE_URL: database.url, DELIVERY_THREADS: String(threads), LOG_LEVEL: "silent" };
  return startHubProcess(settings);
}

type Opened = {
  readonly database: Database;
  /** Has that many subscriptions to a topic there, as if they had been asked for. A hub has made the tables. */
  readonly seed: (topic: string, origins: readonly string[]) => Promise<void>;
};

async function open(store: Given["store"], stack: AsyncDisposableStack): Promise<Opened> {
  if (store === "sqlite") {
    const database = stack.use(await openSqliteFile(() => 0));
    return { database, seed: async (...to) => subscribeBySql(database.file, ...to, subscribers) };
  }
  const { url, connection } = stack.use(await openTestDatabase());
  const database = stack.use(await openPostgresDatabase(url));
  return { database, seed: (...to) => subscribeInPostgres(connection, ...to, subscribers) };
}
