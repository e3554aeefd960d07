import { existsSync, statfsSync } from "node:fs";

import type { TestProject } from "vitest/node";

import { type EmbeddedServer, startServer } from "./embedded-server.ts";

declare module "vitest" {
  export interface ProvidedContext {
    postgresUrl: string;
  }
}

/** What it holds is worth nothing when the machine goes down. */
const settings = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  autovacuum: "off",
  max_connections: "200",
};

const roomyBytes = 4 * 1024 ** 3;

/** One server for the whole run, unless one is given. */
export async function setup({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env.CARILLON_TEST_POSTGRES_URL;
  if (given !== undefined && given !== "") {
    provide("postgresUrl", given);
    return undefined;
  }
  try {
    const server = await startTestServer();
    provide("postgresUrl", server.url);
    return async () => server[Symbol.asyncDispose]();
  } catch (error) {
    // Only the tests that need it fail, and say why.
    const reason = error instanceof Error ? error.message : String(error);
    provide("postgresUrl", `no PostgreSQL server could be started: ${reason}`);
    return undefined;
  }
}

/** A server with these settings besides those of the tests. */
export function startTestServer(more: Readonly<Record<string, string>> = {}): Promise<EmbeddedServer> {
  return startServer({ ...settings, ...more }, findMemory());
}

/** Where files are kept in memory, if there is room. A database begins as 300 files, which takes twice as long on a disk. */
function findMemory(): string | undefined {
  const place = "/dev/shm";
  if (!existsSync(place)) return undefined;
  const { bavail, bsize } = statfsSync(place);
  return bavail * bsize >= roomyBytes ? place : undefined;
}
