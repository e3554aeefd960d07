import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { asStarted } from "./as-started.ts";
import { noLimits } from "./no-limits.ts";

export type HubProcess = {
  readonly url: string;
  readonly pid: number;
  /** Sends a signal that it survives. */
  signal(signal: NodeJS.Signals): void;
  /** Sends a signal and resolves with the exit code, null after a signal that kills. */
  end(signal: NodeJS.Signals): Promise<number | null>;
};

/** Set, so that none is kept beside the sources. */
const adminToken = { CARILLON_ADMIN_TOKEN: "t".repeat(32) };

export type HubProcessOptions = {
  /** Claims last only so long. Absent: the program is the one that an operator runs. */
  readonly leaseMs?: number;
  /** As it is built, which takes less memory than its sources do. */
  readonly isBuilt?: boolean;
  /** Gets what it tells its operator, line by line. Absent: it is seen among the tests' own. */
  readonly onLog?: (line: string) => void;
};

/** A hub in a process of its own, so that it can be killed. `settings` are CARILLON_* without the prefix. */
export async function startHubProcess(
  settings: Readonly<Record<string, string>>,
  { leaseMs, isBuilt = false, onLog }: HubProcessOptions = {},
): Promise<HubProcess> {
  const operators = isBuilt ? asStarted : ["src/main.ts", "serve"];
  const program = leaseMs === undefined ? operators : ["test/support/hub-program.ts", `${leaseMs}`];
  const given = Object.fromEntries(Object.entries(settings).map(([name, value]) => [`CARILLON_${name}`, value]));
  const child = spawn(process.execPath, program, {
    env: {
      PATH: process.env["PATH"],
      CARILLON_PORT: "0",
      CARILLON_ALLOW_CIDRS: "127.0.0.0/8",
      ...adminToken,
      ...noLimits,
      ...given,
    },
    stdio: ["ignore", "pipe", onLog === undefined ? "inherit" : "pipe"],
  });
  if (onLog !== undefined && child.stderr !== null) createInterface({ input: child.stderr }).on("line", onLog);
  // Whatever becomes of the test, its hub does not outlive it.
  process.once("exit", () => child.kill("SIGKILL"));
  const exited = once(child, "exit");
  const url = await Promise.race([printedUrl(child), exited.then(() => undefined)]);
  if (url === undefined) throw new Error(`the hub ended with ${child.exitCode} before it was up`);
  return {
    url,
    pid: child.pid ?? 0,
    signal: (signal) => void child.kill(signal),
    async end(signal) {
      child.kill(signal);
      await exited;
      return child.exitCode;
    },
  };
}

/** Goes on reading afterwards, so that the hub never writes into a closed pipe. */
function printedUrl({ stdout }: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    if (stdout === null) return;
    createInterface({ input: stdout }).on("line", (line) => {
      const url = /^hub\s+(http\S+)/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
}
