import { randomUUID } from "node:crypto";

import pg from "pg";
import { inject } from "vitest";

/** A database of its own on the server of this run. */
export type TestDatabase = AsyncDisposable & {
  readonly url: string;
  /** A connection that sees it. */
  readonly connection: pg.Client;
};

export async function openTestDatabase(): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await askServer(`CREATE DATABASE ${name}`);
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${name}`;
  const connection = new pg.Client({ connectionString: url.href });
  // The server may be told to go, or to throw everybody out.
  connection.on("error", () => undefined);
  await connection.connect();
  return {
    url: url.href,
    connection,
    async [Symbol.asyncDispose]() {
      await connection.end();
      await askServer(`DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/** What cannot be said to a database while one is connected to it. */
export async function askServer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject("postgresUrl") });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
