import { randomUUID } from "node:crypto";
import { resolve } from "node:path";

import pg from "pg";
import { afterAll, inject } from "vitest";

import { tables } from "../../src/store/move/tables.ts";
import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { findFaults } from "../../src/store/reading/find-faults.ts";
import { openPostgresReading } from "../../src/store/reading/postgres-reading.ts";
import { type CountRow, countSql, type IntentRow, type SubscriptionRow, tallyOf } from "./counts.ts";
import { isSameSecret, secrets, type TestStore } from "./support.ts";

export const migrationsFolder = resolve(import.meta.dirname, "../../src/store/postgres/migrations");

/** A schema of its own, and a connection that sees it. */
export type TestSchema = AsyncDisposable & {
  readonly url: string;
  readonly schema: string;
  readonly connection: pg.Client;
};

export async function openTestSchema(): Promise<TestSchema> {
  const url = inject("postgresUrl");
  const schema = `test_${randomUUID().replaceAll("-", "")}`;
  const options = `-c search_path=${schema} -c client_min_messages=warning`;
  const connection = new pg.Client({ connectionString: url, options });
  await connection.connect();
  return {
    url,
    schema,
    connection,
    async [Symbol.asyncDispose]() {
      await connection.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
      await connection.end();
    },
  };
}

/** Schemas that are empty again: to make one costs more than most tests do. */
const free: TestSchema[] = [];

afterAll(async () => {
  for (const schema of free.splice(0)) await schema[Symbol.asyncDispose]();
});

/** TRUNCATE makes new files, which takes far longer than most tests do. What is referred to comes last. */
const empty = tables
  .toReversed()
  .map(({ name }) => `DELETE FROM ${name};`)
  .concat("DELETE FROM pulse")
  .join("\n");

/** All claims are over, and somebody else has had them since. */
const voidClaims = `
  UPDATE topics SET fetch_owner = 'nobody', lease_until = '-infinity' WHERE fetch_owner IS NOT NULL;
  UPDATE intents SET owner = 'nobody', lease_until = '-infinity' WHERE owner IS NOT NULL;
  UPDATE behind SET owner = 'nobody', lease_until = '-infinity' WHERE owner IS NOT NULL;
  UPDATE chunks SET owner = 'nobody', lease_until = '-infinity'`;

/** A schema on the server of this run. After a crash the store is opened by another node. */
export async function openPostgresTestStore(): Promise<TestStore> {
  const schema = free.pop() ?? (await openTestSchema());
  const open = () =>
    openPostgresStore(schema.url, { migrationsFolder, schema: schema.schema, connections: 4, isSameSecret });
  let store = await open();

  return {
    get store() {
      return store;
    },
    async crash() {
      const former = store;
      await schema.connection.query(voidClaims);
      store = await open();
      await former[Symbol.asyncDispose]();
    },
    async tally() {
      const { connection } = schema;
      const quotas = await connection.query<Record<keyof CountRow, string>>(countSql.quotas);
      const intents = await connection.query<IntentRow>(countSql.intents);
      const subscriptions = await connection.query<SubscriptionRow>(countSql.subscriptions);
      const rows = quotas.rows.map((row) => ({ ...row, pending: +row.pending, subscriptions: +row.subscriptions }));
      return tallyOf(rows, intents.rows, subscriptions.rows);
    },
    async countParts() {
      const { rows } = await schema.connection.query<{ readonly count: number }>(
        "SELECT count(*)::int AS count FROM body_parts",
      );
      return rows[0]?.count ?? 0;
    },
    async faults() {
      await using reading = await openPostgresReading(schema.url, migrationsFolder, schema.schema);
      return await Array.fromAsync(findFaults(reading, secrets.open));
    },
    async forgetCounts() {
      await schema.connection.query("DELETE FROM quotas");
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await schema.connection.query(empty);
      free.push(schema);
    },
  };
}
