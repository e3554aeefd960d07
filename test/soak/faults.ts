import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import process from "node:process";

import SqliteDatabase from "better-sqlite3";

import type { Stage } from "../crash/round.ts";

/** Trouble that a hub lives through. */
export type Fault = {
  readonly name: string;
  /** The hub may say 503 meanwhile. */
  readonly mayRefuse: boolean;
  /** Begins it, and resolves to how it is ended. Undefined: it cannot be had on this machine. */
  readonly begin: (stage: Stage, file: string) => Promise<(() => Promise<void>) | undefined>;
};

export const faults: readonly Fault[] = [
  { name: "none", mayRefuse: false, begin: async () => async () => undefined },
  {
    name: "the process is stopped",
    mayRefuse: false,
    async begin({ machine }) {
      const { pid } = machine;
      process.kill(pid, "SIGSTOP");
      return async () => void process.kill(pid, "SIGCONT");
    },
  },
  {
    name: "the database is locked",
    mayRefuse: true,
    async begin(_stage, file) {
      const other = new SqliteDatabase(file, { timeout: 5000 });
      other.exec("BEGIN IMMEDIATE");
      return async () => void other.close();
    },
  },
  { name: "subscribers are down", mayRefuse: false, begin: ({ peers }) => peers.shutDown() },
  {
    name: "the disk is full",
    mayRefuse: true,
    async begin({ machine }, file) {
      const { pid } = machine;
      const limit = (bytes: number | "unlimited") =>
        execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:unlimited`], { stdio: "ignore" });
      try {
        limit(Math.max(statSync(`${file}-wal`).size, statSync(file).size) + 8192);
      } catch {
        return undefined;
      }
      return async () => void limit("unlimited");
    },
  },
];
