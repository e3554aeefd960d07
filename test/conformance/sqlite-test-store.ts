import { copyFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import SqliteDatabase from "better-sqlite3";

import { findFaults } from "../../src/store/reading/find-faults.ts";
import { openSqliteReading } from "../../src/store/reading/sqlite-reading.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { type CountRow, countSql, type IntentRow, type SubscriptionRow, tallyOf } from "./counts.ts";
import { isSameSecret, secrets, type TestStore } from "./support.ts";

const migrations = resolve(import.meta.dirname, "../../src/store/sqlite/migrations");

/** An empty database. To make it costs more than most tests do, so that happens once. */
let migrated: Promise<Buffer> | undefined;

async function migrate(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "carillon-store-"));
  const file = join(folder, "empty.db");
  await openSqliteStore(file, migrations)[Symbol.asyncDispose]();
  const bytes = await readFile(file);
  await rm(folder, { recursive: true });
  return bytes;
}

/** A real file. A crash leaves the files as they are at that moment: nothing is flushed, closed or merged first. */
export async function openSqliteTestStore(): Promise<TestStore> {
  const folder = await mkdtemp(join(tmpdir(), "carillon-store-"));
  const fileOf = (life: number) => join(folder, `${life}.db`);
  let life = 0;
  migrated ??= migrate();
  await writeFile(fileOf(life), await migrated);
  let store = openSqliteStore(fileOf(life), migrations, { isSameSecret });

  return {
    get store() {
      return store;
    },
    async crash() {
      const former = store;
      // Both as they are at one moment: nothing is written in between.
      copyFileSync(fileOf(life), fileOf(life + 1));
      copyFileSync(`${fileOf(life)}-wal`, `${fileOf(life + 1)}-wal`);
      life += 1;
      store = openSqliteStore(fileOf(life), migrations, { isSameSecret });
      await former[Symbol.asyncDispose]();
    },
    async tally() {
      const connection = new SqliteDatabase(fileOf(life), { readonly: true });
      const all = <Row>(sql: string) => connection.prepare<[], Row>(sql).all();
      const { quotas, intents, subscriptions } = countSql;
      const tally = tallyOf(all<CountRow>(quotas), all<IntentRow>(intents), all<SubscriptionRow>(subscriptions));
      connection.close();
      return tally;
    },
    async countParts() {
      const connection = new SqliteDatabase(fileOf(life), { readonly: true });
      const count = connection.prepare<[], number>("SELECT count(*) FROM body_parts").pluck().get() ?? 0;
      connection.close();
      return count;
    },
    async faults() {
      await using reading = openSqliteReading(fileOf(life), migrations);
      return await Array.fromAsync(findFaults(reading, secrets.open));
    },
    async forgetCounts() {
      const connection = new SqliteDatabase(fileOf(life));
      connection.exec("DELETE FROM quotas");
      connection.close();
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}
