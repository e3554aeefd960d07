import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { type Child, forkChild } from "./bench/calls.ts";
import type { LoadCalls } from "./bench/load-child.ts";
import { cpuMsOf } from "./bench/process-cpu.ts";
import { attack } from "./support/hostile-client.ts";
import { type HubProcess, startHubProcess } from "./support/hub-process.ts";

/** One for each connection: none of them comes near its limit. */
const others = Array.from({ length: 32 }, (_, i) => `127.2.0.${i + 1}`);
const subscribes = 1500;
const rounds = 2;

/** What the hub uses of a processor while others' requests to subscribe are answered, each of them with a 202. */
async function costOf(hub: HubProcess, load: Child<LoadCalls>): Promise<number> {
  const before = await cpuMsOf(hub.pid);
  const asking = { requests: subscribes, connections: others.length, kind: "subscribe", from: others } as const;
  await load.ask("run", { ...asking, url: hub.url, topics: ["http://127.0.0.1:9000/topic"] });
  return (await cpuMsOf(hub.pid)) - before;
}

async function openHub(stack: AsyncDisposableStack): Promise<HubProcess> {
  const folder = await mkdtemp(join(tmpdir(), "carillon-hostile-"));
  stack.defer(() => rm(folder, { recursive: true }));
  const limits = { REQUESTS_PER_MINUTE: "600", VERIFICATIONS_PER_MINUTE: "1", LOG_LEVEL: "error" };
  const hub = await startHubProcess({ ...limits, DATABASE_URL: `file:${join(folder, "c.db")}` });
  stack.defer(async () => {
    await hub.end("SIGTERM");
  });
  return hub;
}

// Not by the clock, for the machine has others to serve: what keeps others waiting is what the hub's own process does meanwhile.
// Linux tells what that is. The bench has it by the clock too (hostile-client).
test("§8 beside a client with 10,000 hostile requests others' are taken at half their speed at least", async () => {
  await using stack = new AsyncDisposableStack();
  const hub = await openHub(stack);
  const load = stack.use(forkChild<LoadCalls>(join(import.meta.dirname, "bench/load-child.ts")));
  const [alone, beside]: [number[], number[]] = [[], []];
  let answered = 0;
  await costOf(hub, load); // has its code compiled
  for (let round = 0; round < rounds; round += 1) {
    alone.push(await costOf(hub, load));
    const from = `127.3.0.${round + 1}`; // with all of its minute's worth
    const hostile = attack({ url: hub.url, manner: "asks", from, connections: 64, requests: 10_000 });
    beside.push(await costOf(hub, load));
    answered += (await hostile.stop()).answered;
  }
  expect(answered).toBeGreaterThan(rounds * 300);
  expect(Math.min(...beside)).toBeLessThan(2 * Math.min(...alone));
});
