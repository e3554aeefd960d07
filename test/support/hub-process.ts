import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { asStarted } from "./as-started.ts";
import { noLimits } from "./no-limits.ts";

/** Disposing kills it. */
export type HubProcess = AsyncDisposable & {
  /** As it tells others. */
  readonly url: string;
  /** That it listens on. */
  readonly port: number;
  readonly pid: number;
  /** Sends a signal that it survives. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it ends, with the exit code; null after a signal that kills. */
  readonly exit: Promise<number | null>;
  /** Sends a signal and resolves as `exit`. */
  end(signal: NodeJS.Signals): Promise<number | null>;
};

/** Set, so that none is kept beside the sources. */
const adminToken = { CARILLON_ADMIN_TOKEN: "t".repeat(32) };

export type HubProcessOptions = {
  /** Claims last only so long. */
  readonly leaseMs?: number;
  /** Gets what it tells its operator, line by line. Absent: it is seen among the tests' own. */
  readonly onLog?: (line: string) => void;
  /** Node's arguments. Absent: the program is the one that an operator runs, as it is built. */
  readonly program?: readonly string[];
};

/** A hub that may not be up yet. */
export type StartingHub = Omit<HubProcess, "url" | "port"> & {
  /** Rejects when it ends before it is up. */
  readonly up: Promise<HubProcess>;
};

/** A hub in a process of its own, so that it can be killed. `settings` are CARILLON_* without the prefix. */
export function startHubProcess(
  settings: Readonly<Record<string, string>>,
  options?: HubProcessOptions,
): Promise<HubProcess> {
  return spawnHubProcess(settings, options).up;
}

/** The same for whoever does not wait until it is up. */
export function spawnHubProcess(
  settings: Readonly<Record<string, string>>,
  { leaseMs, onLog, program = asStarted }: HubProcessOptions = {},
): StartingHub {
  const words = leaseMs === undefined ? program : ["test/support/hub-program.ts", `${leaseMs}`];
  const given = Object.fromEntries(Object.entries(settings).map(([name, value]) => [`CARILLON_${name}`, value]));
  const child = spawn(process.execPath, words, {
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
  const killAtExit = () => child.kill("SIGKILL");
  process.once("exit", killAtExit);
  const exit = once(child, "exit").then(() => {
    process.off("exit", killAtExit);
    return child.exitCode;
  });
  const hub: Omit<HubProcess, "url" | "port"> = {
    pid: child.pid ?? 0,
    exit,
    signal: (signal) => void child.kill(signal),
    end(signal) {
      child.kill(signal);
      return exit;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exit;
    },
  };
  const up = Promise.race([printedAddress(child), exit.then(() => undefined)]).then((address) => {
    if (address === undefined) throw new Error(`the hub ended with ${child.exitCode} before it was up`);
    return { ...hub, ...address };
  });
  return { ...hub, up };
}

/** Goes on reading afterwards, so that the hub never writes into a closed pipe. */
function printedAddress({ stdout }: ChildProcess): Promise<Pick<HubProcess, "url" | "port">> {
  return new Promise((resolve) => {
    if (stdout === null) return;
    let url = "";
    createInterface({ input: stdout }).on("line", (line) => {
      url = /^hub\s+(http\S+)/.exec(line)?.[1] ?? url;
      const port = /^listening\s.* port (\d+)$/.exec(line)?.[1];
      if (port !== undefined) resolve({ url, port: Number(port) });
    });
  });
}
