import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";

import { asStarted } from "../support/as-started.ts";
import { hubEnvironment, postForm, type Settings } from "./bench-hub.ts";
import { killAtEnd } from "./calls.ts";
import { nowMs } from "./now-ms.ts";
import { cpuMsOf } from "./process-cpu.ts";

/** The program that operators run: built, and with nothing of the bench inside. Disposing kills it. */
export type BuiltHub = AsyncDisposable & {
  readonly url: string;
  /** From its start to its first answer. */
  readonly startMs: number;
  post(form: Readonly<Record<string, string>>): Promise<void>;
  /** Resident memory now, and the most since `forgetPeak`, in MB of a million bytes. Linux tells. */
  memory(): Promise<{ readonly rssMb: number; readonly peakMb: number }>;
  forgetPeak(): Promise<void>;
  /** What it has used of processors since its start. */
  cpuMs(): Promise<number>;
};

const root = resolve(import.meta.dirname, "../..");
const betweenTriesMs = 3;

export async function build(): Promise<void> {
  await promisify(execFile)("npm", ["run", "--silent", "build"], { cwd: root });
}

/** `database`: a file, or a URL. */
export async function startBuiltHub(database: string, settings: Settings = {}): Promise<BuiltHub> {
  const port = await findPort();
  const url = `http://127.0.0.1:${port}/`;
  const env = { ...process.env, ...hubEnvironment(database, settings), CARILLON_PORT: String(port) };
  const startedMs = nowMs();
  const child = spawn(process.execPath, asStarted, { cwd: root, env, stdio: "ignore" });
  const proc = `/proc/${child.pid}`;
  await firstAnswer(url, () => child.exitCode !== null);
  return {
    url,
    startMs: nowMs() - startedMs,
    post: (form) => postForm(url, form),
    async memory() {
      const status = await readFile(`${proc}/status`, "utf8");
      const megabytes = (name: string) => (Number(new RegExp(`${name}:\\s*(\\d+) kB`).exec(status)?.[1]) * 1024) / 1e6;
      return { rssMb: megabytes("VmRSS"), peakMb: megabytes("VmHWM") };
    },
    forgetPeak: () => writeFile(`${proc}/clear_refs`, "5"),
    cpuMs: () => cpuMsOf(child.pid ?? 0),
    ...killAtEnd(child),
  };
}

/** One that was free a moment ago. */
async function findPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  // listen() on a host and port gives an AddressInfo.
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function firstAnswer(url: string, hasEnded: () => boolean): Promise<void> {
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    await response?.text();
    if (response?.ok) return;
    if (hasEnded()) throw new Error("the built hub has ended");
    await setTimeout(betweenTriesMs);
  }
}
