import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { migrationsFolder, openTestSchema } from "../conformance/postgres-test-store.ts";
import { start, subscribe } from "../conformance/support.ts";

test("nodes that start together on an empty database migrate it once", async () => {
  await using opened = await openTestSchema();
  const options = { migrationsFolder, schema: opened.schema, connections: 2 };
  const stores = await Promise.all([1, 2, 3, 4].map(() => openPostgresStore(opened.url, options)));
  for (const store of stores) await store.assertWritable(start);
  const { rows } = await opened.connection.query("SELECT count(*)::int AS count FROM migrations");
  expect(rows).toEqual([{ count: 1 }]);
  for (const store of stores) await store[Symbol.asyncDispose]();
});

test("CARILLON_MIGRATE=false: pending migrations are refused, and nothing is touched; none is fine", async () => {
  await using opened = await openTestSchema();
  const options = { migrationsFolder, schema: opened.schema };
  const refused = { code: "store_unavailable", message: expect.stringContaining("CARILLON_MIGRATE") as string };
  await expect(openPostgresStore(opened.url, { ...options, migrate: false })).rejects.toMatchObject(refused);
  const { rows } = await opened.connection.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", [opened.schema]);
  expect(rows).toEqual([]);

  await (await openPostgresStore(opened.url, options))[Symbol.asyncDispose]();
  const store = await openPostgresStore(opened.url, { ...options, migrate: false });
  await subscribe(store);
  await store[Symbol.asyncDispose]();
});

test("a database that a newer version has migrated is refused", async () => {
  await using opened = await openTestSchema();
  const options = { migrationsFolder, schema: opened.schema };
  await (await openPostgresStore(opened.url, options))[Symbol.asyncDispose]();
  await opened.connection.query("INSERT INTO migrations VALUES (99999999999999, 'newer')");
  const refused = { code: "store_unavailable", message: expect.stringContaining("newer version") as string };
  await expect(openPostgresStore(opened.url, options)).rejects.toMatchObject(refused);
});

test("a migration that fails leaves the database as it was", async () => {
  await using opened = await openTestSchema();
  const folder = await mkdtemp(join(tmpdir(), "carillon-migrations-"));
  await cp(migrationsFolder, folder, { recursive: true });
  const file = join(folder, "0000_start.sql");
  await writeFile(file, `${await readFile(file, "utf8")}--> statement-breakpoint\nSELECT nonsense`);
  await expect(openPostgresStore(opened.url, { migrationsFolder: folder, schema: opened.schema })).rejects.toThrow(
    /nonsense/,
  );
  await rm(folder, { recursive: true });
  const store = await openPostgresStore(opened.url, { migrationsFolder, schema: opened.schema });
  await store[Symbol.asyncDispose]();
});

test("a server that is not there is `store_unavailable`, and no password is told", async () => {
  const url = "postgres://carillon:hidden@127.0.0.1:1/carillon";
  const error: unknown = await openPostgresStore(url, { migrationsFolder }).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: "store_unavailable" });
  expect(String(error)).not.toContain("hidden");
});
