import { join } from "node:path";

import { type Child, forkChild } from "./calls.ts";
import type { HubCalls, Usage } from "./hub-child.ts";

/** A hub in a process of its own. Disposing kills it. */
export type BenchHub = AsyncDisposable &
  Pick<Child<HubCalls>, "pause" | "resume"> & {
    readonly url: string;
    /** POSTs a form to the hub URL. */
    post(form: Readonly<Record<string, string>>): Promise<void>;
    /** Begins a measurement in the hub's process. */
    begin(): Promise<void>;
    /** Since then. */
    usage(): Promise<Usage>;
  };

/** CARILLON_* without the prefix. */
export type Settings = Readonly<Record<string, string>>;

export async function startBenchHub(file: string, settings: Settings): Promise<BenchHub> {
  const child = forkChild<HubCalls>(join(import.meta.dirname, "hub-child.ts"));
  try {
    const url = await child.ask("start", environment(file, settings));
    return {
      ...child,
      url,
      post: (form) => post(url, form),
      begin: () => child.ask("begin"),
      usage: () => child.ask("usage"),
    };
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
}

async function post(url: string, form: Readonly<Record<string, string>>): Promise<void> {
  const response = await fetch(url, { method: "POST", body: new URLSearchParams(form) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status}: ${text}`);
}

function environment(file: string, settings: Settings): Settings {
  const given = Object.fromEntries(Object.entries(settings).map(([name, value]) => [`CARILLON_${name}`, value]));
  return {
    CARILLON_PORT: "0",
    CARILLON_DATABASE_URL: `file:${file}`,
    CARILLON_ALLOW_CIDRS: "127.0.0.0/8",
    CARILLON_FETCH_MIN_INTERVAL_SECONDS: "0",
    CARILLON_LOG_LEVEL: "fatal",
    ...given,
  };
}
