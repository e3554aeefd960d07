import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";

import type { HubProcess } from "./hub-process.ts";
import { sendRaw } from "./raw-request.ts";

/** How a hub bore what was done to it. */
export type Vitals = {
  /** Most memory resident since its start, in MB of a million bytes. Linux tells; elsewhere 0. */
  readonly mostMb: number;
  /** How long the slowest answer about its health took. What the hub waited for a processor, others having it, is not its doing. */
  readonly slowestMs: number;
  /** Times it was asked. */
  readonly asked: number;
};

const everyMs = 25;
const health = { method: "GET", path: "/livez" } as const;

/** Asks a hub for its health all the time, from an address of its own, until `done`. Rejects when it does not say ok. */
export async function watchVitals(hub: HubProcess): Promise<{ readonly done: () => Promise<Vitals> }> {
  const stop = new AbortController();
  const watching = watch(hub, stop.signal);
  return {
    async done() {
      stop.abort();
      return { ...(await watching), mostMb: await mostMbOf(hub.pid) };
    },
  };
}

async function watch(hub: HubProcess, signal: AbortSignal): Promise<Omit<Vitals, "mostMb">> {
  let [slowestMs, asked] = [0, 0];
  while (!signal.aborted) {
    slowestMs = Math.max(slowestMs, await askHealth(hub));
    asked += 1;
    await setTimeout(everyMs, undefined, { signal }).catch(() => undefined);
  }
  return { slowestMs, asked };
}

async function askHealth({ url, pid }: HubProcess): Promise<number> {
  const [cpuMs, startedMs] = [await loopCpuMsOf(pid), performance.now()];
  const { status, body } = await sendRaw(url, { ...health, from: "127.0.0.9" });
  const tookMs = performance.now() - startedMs;
  if (status !== 200) throw new Error(`the hub is not well: ${status} ${body}`);
  const usedMs = (await loopCpuMsOf(pid)) - cpuMs;
  return Number.isNaN(usedMs) ? tookMs : Math.min(tookMs, usedMs);
}

/** What its main thread, which answers, has used of processors. */
async function loopCpuMsOf(pid: number): Promise<number> {
  const nanoseconds = await readFile(`/proc/${pid}/task/${pid}/schedstat`, "latin1").catch(() => undefined);
  return nanoseconds === undefined ? Number.NaN : Number(nanoseconds.split(" ")[0]) / 1e6;
}

async function mostMbOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return (Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? 0) * 1024) / 1e6;
}
