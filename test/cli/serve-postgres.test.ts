import { expect, test } from "vitest";

import { openTestDatabase } from "../support/test-database.ts";
import { startProgram } from "./program.ts";

test("the built program runs on PostgreSQL, tells no password, and ends by SIGTERM with 0", async () => {
  await using database = await openTestDatabase();
  const { password } = new URL(database.url);
  const env = { CARILLON_DATABASE_URL: database.url, CARILLON_PORT: "0" };
  await using program = startProgram(["serve"], env);
  const data = await program.line(/^data /);
  expect(data).toContain(database.url.replace(`:${password}@`, ":***@"));
  expect(data).not.toContain("new");
  const [, url = ""] = /^hub +(http:\/\/localhost:\d+\/)/m.exec(program.lines.join("\n")) ?? [];
  expect((await fetch(new URL("/readyz", url))).status).toBe(200);

  program.signal("SIGTERM");
  expect((await program.ended).code).toBe(0);
  expect((await program.ended).complaint).toBe("");
});

test.each([
  { kind: "PostgreSQL", open: openTestDatabase },
  { kind: "SQLite", open: openNoFile },
])("CARILLON_MIGRATE=false refuses to start on pending migrations ($kind), and says so", async ({ open }) => {
  await using database = await open();
  const env = { CARILLON_DATABASE_URL: database.url, CARILLON_PORT: "0", CARILLON_MIGRATE: "false" };
  await using program = startProgram(["serve"], env);
  const { code, complaint } = await program.ended;
  expect(complaint).toMatch(/lacks \d+ migrations: a hub with CARILLON_MIGRATE=true applies them\n$/);
  expect(code).toBe(1);
});

test("a server that is not there ends it with 1 and one sentence without the password", async () => {
  const env = { CARILLON_DATABASE_URL: "postgres://hub:hidden@127.0.0.1:1/hub" };
  await using program = startProgram(["serve"], env);
  const { code, complaint } = await program.ended;
  expect(complaint).toMatch(/^carillon: the database cannot be used: .*ECONNREFUSED.*\n$/);
  expect(complaint).not.toContain("hidden");
  expect(code).toBe(1);
});

async function openNoFile(): Promise<AsyncDisposable & { readonly url: string }> {
  return { url: "file:/nonexistent/carillon.db", async [Symbol.asyncDispose]() {} };
}
