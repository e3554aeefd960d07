import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";

import { loadConfig } from "../../src/config.ts";
import { createHub, type Hub } from "../../src/hub.ts";
import type { FanOutProgress } from "../../src/store/fan-out-store.ts";
import { answerCalls } from "./calls.ts";
import { watchStalls } from "./stalls.ts";
import { createMeter, type Use } from "./meter.ts";
import { createStoreProbe, type StoreUse } from "./store-probe.ts";

export type HubOptions = {
  /** It accepts, and does nothing else. */
  readonly manual?: boolean;
  /** Counts and times what is asked of the database, which costs a little. */
  readonly probe?: boolean;
  /** How many requests may wait to be verified. Absent: any number. */
  readonly mostPending?: number;
};

/** What the hub's process has used since the measurement began. */
export type Usage = Use & {
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
  /** The longest, less what others had the processor of it. */
  readonly loopStallMs: number;
  /** Most memory resident since its start, in MB of a million bytes. */
  readonly mostMb: number;
  /** Absent without the probe. */
  readonly store: StoreUse | undefined;
};

const usualResolutionMs = 10;
const meter = createMeter();
const stalls = watchStalls();
let hub: Hub | undefined;
let probe: ReturnType<typeof createStoreProbe> | undefined;
let resolutionMs = usualResolutionMs;
let delays: ReturnType<typeof monitorEventLoopDelay> | undefined;

const calls = {
  /** Runs a hub with these CARILLON_* settings, and resolves to where it listens. */
  async start({ settings, options }: { readonly settings: Record<string, string>; readonly options: HubOptions }) {
    if (options.probe) probe = createStoreProbe();
    hub = createHub(loadConfig(settings, []), {
      manual: options.manual === true,
      mostPending: options.mostPending ?? Infinity,
    });
    await hub.start();
    return `http://127.0.0.1:${hub.listening.port}/`;
  },

  /** Begins a measurement, event-loop delays with that resolution. */
  async begin(wantedMs = usualResolutionMs): Promise<void> {
    resolutionMs = wantedMs;
    delays?.disable();
    delays = monitorEventLoopDelay({ resolution: resolutionMs });
    meter.begin();
    stalls.begin();
    await setTimeout(2 * resolutionMs); // what came before this would count as a delay
    delays.enable();
    probe?.reset();
  },

  usage(): Usage {
    const delayMs = (nanoseconds = 0) => Math.max(0, nanoseconds / 1e6 - resolutionMs);
    const loop = { loopDelayP99Ms: delayMs(delays?.percentile(99)), loopDelayMaxMs: delayMs(delays?.max) };
    const own = { loopStallMs: stalls.longestMs(), mostMb: (process.resourceUsage().maxRSS * 1024) / 1e6 };
    return { ...meter.read(), ...loop, ...own, store: probe?.read() };
  },

  /** Resolves when the newest publication of a topic is with everybody, or has left them behind. */
  async finished(url: string): Promise<FanOutProgress | undefined> {
    for (;;) {
      const topic = await hub?.store.topics.find(url);
      const progress = topic && (await hub?.store.fanOuts.progress({ topicId: topic.id, seq: topic.lastSeq }));
      if (progress?.done !== false) return progress;
      await setTimeout(usualResolutionMs);
    }
  },

  /** Profiles are written when a process ends by itself. */
  end: () => process.exit(),
};

export type HubCalls = typeof calls;

answerCalls(calls);
