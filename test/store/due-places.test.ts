import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

import { openDatabase } from "../../src/store/sqlite/database.ts";
import { createIntents } from "../../src/store/sqlite/intents.ts";
import { intent, start } from "../conformance/support.ts";

const migrations = resolve(import.meta.dirname, "../../src/store/sqlite/migrations");

test("SQLite: claims and new rows that could not be written leave the queues as they were", async () => {
  const folder = await mkdtemp(join(tmpdir(), "carillon-queues-"));
  const db = openDatabase(join(folder, "carillon.db"), migrations);
  const intents = createIntents(db);
  const claim = () => intents.claimIntents(10, 10, start);
  await intents.addIntent(intent(), start);

  const results = await Promise.allSettled([
    claim(),
    intents.addIntent(intent({ callback: "https://other.example/" }), start),
    db.write(() => {
      // Found out by the commit, so that all of it is undone.
      db.connection.pragma("defer_foreign_keys = ON");
      db.connection.exec("INSERT INTO fan_outs (topic_id, seq, start, cursor) VALUES (99, 1, 0, 0)");
    }),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  expect(await claim()).toMatchObject([intent()]);
  expect(await claim()).toEqual([]);
  db.close();
  await rm(folder, { recursive: true });
});

test("SQLite: counts are not changed by what could not be written, whatever shares its commit", async () => {
  const folder = await mkdtemp(join(tmpdir(), "carillon-counts-"));
  const db = openDatabase(join(folder, "carillon.db"), migrations);
  const intents = createIntents(db);
  const fail = () =>
    db.write(() => {
      db.quotas.add("client 203.0.113.9", { pending: 1 });
      throw new Error("it was not to be");
    });

  const results = await Promise.allSettled([fail(), intents.addIntent(intent(), start), fail()]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected"]);
  await db.write(() => undefined);
  expect(db.connection.prepare("SELECT * FROM quotas ORDER BY name").all()).toEqual([
    { name: "client 203.0.113.7", pending: 1, subscriptions: 0 },
    { name: "host reader.example", pending: 1, subscriptions: 0 },
  ]);
  db.close();
  await rm(folder, { recursive: true });
});
