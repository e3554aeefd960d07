import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

import { createAttempts } from "../../src/store/sqlite/attempts.ts";
import { createBehind } from "../../src/store/sqlite/behind.ts";
import { openDatabase } from "../../src/store/sqlite/database.ts";
import { createFanOuts } from "../../src/store/sqlite/fan-outs.ts";
import { createHosts } from "../../src/store/sqlite/hosts.ts";
import { createIntents } from "../../src/store/sqlite/intents.ts";
import { createPublications } from "../../src/store/sqlite/publications.ts";
import { createSecrets } from "../../src/store/sqlite/secrets.ts";
import { createSubscriptions } from "../../src/store/sqlite/subscriptions.ts";
import { createTopics } from "../../src/store/sqlite/topics.ts";

const migrations = resolve(import.meta.dirname, "../../src/store/sqlite/migrations");
const parts = [
  createAttempts,
  createBehind,
  createFanOuts,
  createHosts,
  createIntents,
  createPublications,
  createSecrets,
  createSubscriptions,
  createTopics,
];

/** What is read from end to end because it is short: what is claimed, uncut, orphaned, shut, or came with the statement. */
const short = [
  /INDEX (behind_trying|intents_verifying|topics_fetching|fan_outs_uncut|chunks_orphaned|topics_idle)$/,
  /^SCAN (json_each|hosts|lapsed|oldest|secret_keys|n|topic)\b/,
  // Once, at the start.
  /INDEX behind_hastened$/,
];

test("DESIGN 7, SQLite: no statement of the store goes through a whole table, and none sorts", async () => {
  const folder = await mkdtemp(join(tmpdir(), "carillon-plans-"));
  const db = openDatabase(join(folder, "carillon.db"), migrations);
  const prepare = db.connection.prepare.bind(db.connection);
  const statements = new Set<string>();
  db.connection.prepare = (source: string) => {
    statements.add(source);
    return prepare(source);
  };
  for (const create of parts) create(db);

  // Asked only when a key is missing, so before a start that is refused.
  const lasting = [...statements].filter((sql) => !sql.includes("substr(secret"));
  const steps = lasting.flatMap((sql) => {
    const names = [...sql.matchAll(/@(\w+)/g)].map(([, name]) => name ?? "");
    const values = names.length > 0 ? [Object.fromEntries(names.map((name) => [name, 1]))] : sql.match(/\?/g);
    const plan = prepare<unknown[], { readonly detail: string }>(`EXPLAIN QUERY PLAN ${sql}`);
    return plan.all(...(values ?? [])).map(({ detail }) => detail);
  });
  db.close();
  await rm(folder, { recursive: true });

  expect(steps.length).toBeGreaterThan(lasting.length);
  const long = steps.filter((step) => /^SCAN|USE TEMP B-TREE/.test(step) && !short.some((kind) => kind.test(step)));
  expect(long).toEqual([]);
});
