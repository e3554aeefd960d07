import { expect, test } from "vitest";

import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { keepOut, letIn } from "../../src/store/postgres/presence.ts";
import { migrationsFolder } from "../conformance/postgres-test-store.ts";
import { start } from "../conformance/support.ts";
import { openTestDatabase } from "../support/test-database.ts";

const cutOff = `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()`;

test("hubs are kept off a database that none uses; one that lost its connections meanwhile comes back afterwards", async () => {
  await using database = await openTestDatabase();
  const { connection, url } = database;
  await using store = await openPostgresStore(url, { migrationsFolder });
  await using other = await openPostgresStore(url, { migrationsFolder });
  await Promise.all([store, other].map((each) => each.assertWritable(start)));
  expect(await keepOut(connection)).toBe(false);
  await connection.query(cutOff);
  expect(await keepOut(connection)).toBe(true);

  const refused = { code: "store_unavailable", message: expect.stringContaining("its data is being moved") as string };
  // The first may still be told of the connection it had.
  await expect(store.assertWritable(start)).rejects.toMatchObject({ code: "store_unavailable" });
  await expect(store.assertWritable(start)).rejects.toMatchObject(refused);
  await expect(openPostgresStore(url, { migrationsFolder })).rejects.toMatchObject(refused);
  await letIn(connection);
  await store.assertWritable(start);
  await other.assertWritable(start);
});
