import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";

import { loadConfig } from "../../src/config.ts";
import { createHub } from "../../src/hub.ts";
import { answerCalls } from "./calls.ts";

/** What the hub's process has used since the measurement began. */
export type Usage = { readonly cpuMs: number; readonly loopDelayP99Ms: number; readonly loopDelayMaxMs: number };

const resolutionMs = 10;
const delays = monitorEventLoopDelay({ resolution: resolutionMs });
let before = process.cpuUsage();

const calls = {
  /** Runs a hub with these CARILLON_* settings, and resolves to where it listens. */
  async start(settings: Readonly<Record<string, string>>): Promise<string> {
    const hub = createHub(loadConfig(settings, []));
    await hub.start();
    delays.enable();
    return `http://127.0.0.1:${hub.listening.port}/`;
  },

  /** Begins a measurement, with no garbage left from before: when that is collected would depend on what else was done. */
  async begin(): Promise<void> {
    globalThis.gc?.();
    await setTimeout(2 * resolutionMs); // a pause before this would count as a delay
    before = process.cpuUsage();
    delays.reset();
  },

  usage(): Usage {
    const { user, system } = process.cpuUsage(before);
    const delayMs = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolutionMs);
    const loop = { loopDelayP99Ms: delayMs(delays.percentile(99)), loopDelayMaxMs: delayMs(delays.max) };
    return { cpuMs: (user + system) / 1000, ...loop };
  },
};

export type HubCalls = typeof calls;

answerCalls(calls);
