import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import SqliteDatabase from "better-sqlite3";
import { expect, test } from "vitest";

import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { cut, intent, plenty, publish, settleIntents, start, subscribe, topic } from "../conformance/support.ts";

const migrations = resolve(import.meta.dirname, "../../src/store/sqlite/migrations");
const day = 86_400_000;

/** A topic with the policy `every`, of which one publication is on its way, so many wait for it, and as many are owed to who is behind. */
async function openQueue(file: string, length: number): Promise<Store> {
  const seeding = openSqliteStore(file, migrations);
  await subscribe(seeding);
  await seeding.topics.setPolicy(topic, "every");
  await publish(seeding);
  await cut(seeding);
  await seeding[Symbol.asyncDispose]();
  const database = new SqliteDatabase(file);
  const numbers = `WITH RECURSIVE n(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n <= ${length})`;
  database.exec(`
    UPDATE chunks SET owner = 'somebody';
    UPDATE topics SET last_seq = ${length + 1};
    ${numbers} INSERT INTO publications (topic_id, seq, content_type, links, published_at, body) SELECT 1, n, 'text/plain', '{}', ${start.getTime()}, '' FROM n;
    ${numbers} INSERT INTO fan_outs (topic_id, seq, start, cursor) SELECT 1, n, 0, 0 FROM n;`);
  database.close();
  return openSqliteStore(file, migrations);
}

/** What the hub does all the time, and what one of its subscribers may have it do. CPU in ms. */
async function measure(store: Store): Promise<number> {
  const before = process.cpuUsage();
  for (let round = 0; round < 20; round += 1) {
    await store.fanOuts.claimChunk(start, [1]);
    await store.publications.removeSettled(200);
    await store.fanOuts.removeDone(start, 200);
    await store.behind.giveUpOld(new Date(start.getTime() - day), 200, start);
    await store.topics.removeIdle(200);
    await store.figures();
  }
  const callback = "https://reader.example/late";
  await store.intents.addIntent(intent({ callback, leaseSeconds: 10 }), start);
  await settleIntents(store, { next: "apply", verifiedAt: start });
  await store.subscriptions.endLapsed(new Date(start.getTime() + day), plenty);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

test("SQLite: a queue of 40,000 publications of one topic costs no more than a short one", async () => {
  const folder = await mkdtemp(join(tmpdir(), "carillon-queue-"));
  const costs: number[] = [];
  for (const length of [200, 200, 40_000]) {
    const store = await openQueue(join(folder, `${costs.length}.db`), length);
    costs.push(await measure(store));
    await store[Symbol.asyncDispose]();
  }
  await rm(folder, { recursive: true });
  // To go through all of it would cost more than a hundred times as much.
  expect(costs[2]).toBeLessThan(10 * (costs[1] ?? 0) + 50);
});
