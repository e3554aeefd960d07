import { expect, test } from "vitest";

import { type Database, openDatabase } from "../../src/store/postgres/database.ts";
import { sql } from "../../src/store/postgres/statement.ts";
import { migrationsFolder, openTestSchema, type TestSchema } from "../conformance/postgres-test-store.ts";

const write = sql("INSERT INTO pulse (id, at) VALUES ($1, 0) RETURNING id");

async function withDatabase(work: (db: Database, schema: TestSchema) => Promise<void>): Promise<void> {
  await using schema = await openTestSchema();
  const db = await openDatabase(schema.url, { migrationsFolder, schema: schema.schema, connections: 1 });
  await work(db, schema);
  await db.close();
}

const written = async ({ connection }: TestSchema) =>
  (await connection.query<{ readonly id: number }>("SELECT id FROM pulse ORDER BY id")).rows.map(({ id }) => id);

test("a last statement is committed with what came before it, and gives its rows", () =>
  withDatabase(async (db, schema) => {
    const rows = await db.transact(async (transaction) => {
      await transaction.run(write, 1);
      return transaction.finish(write, 2);
    });
    expect(rows).toEqual([{ id: 2 }]);
    expect(await written(schema)).toEqual([1, 2]);
  }));

test("a last statement that fails undoes what came before it, and the connection goes on", () =>
  withDatabase(async (db, schema) => {
    const failing = db.transact(async (transaction) => {
      await transaction.run(write, 1);
      return transaction.finish(write, "no number");
    });
    await expect(failing).rejects.toThrow(/invalid input syntax/);
    expect(await written(schema)).toEqual([]);
    await db.transact((transaction) => transaction.finish(write, 3));
    expect(await written(schema)).toEqual([3]);
  }));

test("a last statement that a deadlock or a key has refused is run again with all that came before it", () =>
  withDatabase(async (db, schema) => {
    let runs = 0;
    await db.transact(async (transaction) => {
      runs += 1;
      await transaction.run(write, runs);
      await transaction.finish(write, runs === 1 ? 1 : 9); // the first run meets its own key
    });
    expect(runs).toBe(2);
    expect(await written(schema)).toEqual([2, 9]);
  }));
