import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";

import { sendRaw } from "./raw-request.ts";

export type Asked = {
  /** How long the slowest answer about its health took. What the hub waited for a processor, others having it, is not its doing. */
  readonly slowestMs: number;
  /** Times it was asked. */
  readonly asked: number;
};

const everyMs = 25;
const health = { method: "GET", path: "/livez" } as const;
const { url, pid } = workerData as { readonly url: string; readonly pid: number };

const stop = new AbortController();
parentPort?.once("message", () => stop.abort());
let [slowestMs, asked] = [0, 0];
while (!stop.signal.aborted) {
  slowestMs = Math.max(slowestMs, await askHealth());
  asked += 1;
  await setTimeout(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
}
parentPort?.postMessage({ slowestMs, asked } satisfies Asked);

async function askHealth(): Promise<number> {
  const [cpuMs, startedMs] = [await loopCpuMs(), performance.now()];
  const { status, body } = await sendRaw(url, { ...health, from: "127.0.0.9" });
  const tookMs = performance.now() - startedMs;
  if (status !== 200) throw new Error(`the hub is not well: ${status} ${body}`);
  const usedMs = (await loopCpuMs()) - cpuMs;
  return Number.isNaN(usedMs) ? tookMs : Math.min(tookMs, usedMs);
}

/** What its main thread, which answers, has used of processors. */
async function loopCpuMs(): Promise<number> {
  const nanoseconds = await readFile(`/proc/${pid}/task/${pid}/schedstat`, "latin1").catch(() => undefined);
  return nanoseconds === undefined ? Number.NaN : Number(nanoseconds.split(" ")[0]) / 1e6;
}
