import { join } from "node:path";

import { noLimits } from "../support/no-limits.ts";
import type { FanOutProgress } from "../../src/store/fan-out-store.ts";
import { type Child, forkChild } from "./calls.ts";
import type { HubCalls, HubOptions, Usage } from "./hub-child.ts";

/** A hub in a process of its own. Disposing kills it. */
export type BenchHub = AsyncDisposable &
  Pick<Child<HubCalls>, "pause" | "resume"> & {
    readonly url: string;
    /** POSTs a form to the hub URL. */
    post(form: Readonly<Record<string, string>>): Promise<void>;
    /** Begins a measurement in the hub's process, of event-loop delays with that resolution. */
    begin(resolutionMs?: number): Promise<void>;
    /** Since then. */
    usage(): Promise<Usage>;
    /** Resolves when the newest publication of a topic is no longer on its way. */
    finished(topic: string): Promise<FanOutProgress | undefined>;
  };

/** CARILLON_* without the prefix. */
export type Settings = Readonly<Record<string, string>>;

export type StartOptions = HubOptions & {
  /** Variables of its environment. */
  readonly env?: NodeJS.ProcessEnv | undefined;
};

export async function startBenchHub(
  file: string,
  settings: Settings,
  { env, ...options }: StartOptions = {},
): Promise<BenchHub> {
  const child = forkChild<HubCalls>(join(import.meta.dirname, "hub-child.ts"), { env, flags: profileFlags() });
  try {
    const url = await child.ask("start", { settings: hubEnvironment(file, settings), options });
    return {
      ...child,
      url,
      post: (form) => postForm(url, form),
      begin: (resolutionMs) => child.ask("begin", resolutionMs),
      usage: () => child.ask("usage"),
      finished: (topic) => child.ask("finished", topic),
      async [Symbol.asyncDispose]() {
        if (profileFlags().length > 0) await endByItself(child);
        await child[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
}

/** `--profile FOLDER`: of all threads, a file each, written when the process ends by itself. */
function profileFlags(): readonly string[] {
  const folder = process.env["BENCH_PROFILE"];
  return folder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${folder}`];
}

async function endByItself(child: Child<HubCalls>): Promise<void> {
  child.resume();
  await child.ask("end").catch(() => undefined); // it ends without an answer
}

export async function postForm(url: string, form: Readonly<Record<string, string>>): Promise<void> {
  const response = await fetch(url, { method: "POST", body: new URLSearchParams(form) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status}: ${text}`);
}

/**
 * What a row asks for rules over what the bench needs, and CARILLON_* of the bench's own environment over both.
 * `database`: a file, or a URL.
 */
export function hubEnvironment(database: string, settings: Settings): Record<string, string> {
  const given = Object.entries(settings).map(([name, value]) => [`CARILLON_${name}`, value] as const);
  const own = Object.entries(process.env).filter(([name]) => name.startsWith("CARILLON_"));
  return {
    CARILLON_PORT: "0",
    CARILLON_DATABASE_URL: database.includes("://") ? database : `file:${database}`,
    CARILLON_ALLOW_CIDRS: "127.0.0.0/8",
    CARILLON_FETCH_MIN_INTERVAL_SECONDS: "0",
    CARILLON_LOG_LEVEL: "fatal",
    ...noLimits,
    ...Object.fromEntries([...given, ...own]),
  };
}
