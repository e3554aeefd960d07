import { readFile } from "node:fs/promises";
import { Worker } from "node:worker_threads";

import type { HubProcess } from "./hub-process.ts";
import type { Asked } from "./ask-health.ts";

/** How a hub bore what was done to it. */
export type Vitals = Asked & {
  /** Most memory resident since its start, in MB of a million bytes. Linux tells; elsewhere 0. */
  readonly mostMb: number;
};

/** Asks a hub for its health all the time, from an address of its own, until `done`. Rejects when it does not say ok. */
export async function watchVitals({ url, pid }: HubProcess): Promise<{ readonly done: () => Promise<Vitals> }> {
  // In a thread of its own: what keeps the tests busy is not to look like the hub's doing.
  const asking = new Worker(new URL("ask-health.ts", import.meta.url), { workerData: { url, pid } });
  const asked = new Promise<Asked>((resolve, reject) => {
    asking.once("message", resolve).once("error", reject);
  });
  return {
    async done() {
      asking.postMessage("done");
      return { ...(await asked), mostMb: await mostMbOf(pid) };
    },
  };
}

async function mostMbOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return (Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? 0) * 1024) / 1e6;
}
