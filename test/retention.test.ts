import { stat } from "node:fs/promises";

import SqliteDatabase from "better-sqlite3";
import { expect, test } from "vitest";

import { toSubscribe } from "./support/requests.ts";
import { openScene } from "./support/scene.ts";
import { openSubscriber } from "./support/subscriber.ts";
import type { TestHub } from "./support/test-hub.ts";

const day = 86_400_000;
const tables = [
  "topics",
  "intents",
  "subscriptions",
  "publications",
  "fan_outs",
  "chunks",
  "behind",
  "attempts",
  "quotas",
];

/** Rows of each table, and pages of the file that hold any. */
function weigh({ file }: TestHub): Readonly<Record<string, number>> {
  const database = new SqliteDatabase(file, { readonly: true });
  const count = (sql: string) => database.prepare<[], number>(sql).pluck().get() ?? 0;
  const rows = tables.map((table) => [table, count(`SELECT count(*) FROM ${table}`)] as const);
  const pages = count("SELECT page_count - freelist_count FROM pragma_page_count(), pragma_freelist_count()");
  database.close();
  return { ...Object.fromEntries(rows), pages };
}

test("with steady traffic the database stops growing after a month, and what is owed is kept all the time", async () => {
  const asking = { "hub.lease_seconds": "10000000" };
  const settings = { RETRY_DELAYS_SECONDS: "10000000", LEASE_MAX_SECONDS: "10000000" };
  await using scene = await openScene({ settings, asking });
  const { hub, publisher, topic } = scene;
  await using dead = await openSubscriber({ receive: () => ({ status: 503 }) });
  await using stranger = await openSubscriber({ verify: () => ({ status: 404 }) });
  await hub.subscribe(topic, dead.callback(), asking);
  await hub.store.topics.setPolicy(topic, "every");
  let round = 0;
  async function live(days: number): Promise<void> {
    for (const until = round + days; round < until; round += 1) {
      publisher.serve("/feed", { body: `${round} `.padEnd(30_000, "x") });
      await hub.publish(topic);
      await hub.post(toSubscribe(topic, stranger.callback(`/${round}`)));
      await hub.pass(day);
    }
  }
  await live(38); // what is given up after a week is on record for 30 days
  const afterMonth = weigh(hub);
  await live(5);
  const later = weigh(hub);

  expect(scene.bodies()).toHaveLength(round);
  // What was published in the last 7 days is owed to who never answers, and given up after that.
  expect(later["publications"]).toBe(7);
  expect({ ...later, pages: 0 }).toEqual({ ...afterMonth, pages: 0 });
  expect(Math.abs((later["pages"] ?? 0) - (afterMonth["pages"] ?? 0))).toBeLessThan(4);
});

test("space that is free goes back to the disk, but for a few pages", async () => {
  let status = 503;
  await using scene = await openScene({ receive: () => ({ status }) });
  await scene.hub.store.topics.setPolicy(scene.topic, "every");
  for (const letter of "abcdefghijkl") await scene.update(letter.repeat(1_000_000));
  expect((await stat(scene.hub.file)).size + (await stat(`${scene.hub.file}-wal`)).size).toBeGreaterThan(12_000_000);
  status = 204;
  await scene.hub.pass(day);
  expect(new Set(scene.bodies().map(([letter]) => letter)).size).toBe(12);
  await scene.hub.restart();
  expect((await stat(scene.hub.file)).size).toBeLessThan(5_000_000);
});
