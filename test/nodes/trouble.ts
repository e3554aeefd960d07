import { setTimeout } from "node:timers/promises";

import type { EmbeddedServer } from "../support/embedded-server.ts";
import type { Ask } from "./ask.ts";
import type { Crew } from "./crew.ts";

/**
 * One node is killed with -9; one is stopped, and later goes on; the database is restarted, or throws everybody out, again
 * and again.
 */
export type Trouble = "kill" | "stop" | "restart" | "cut";

export type TroubleDeps = {
  readonly crew: Crew;
  readonly server: EmbeddedServer;
  readonly ask: Ask;
  /** Told what breaks a promise. */
  readonly blame: (what: string) => void;
  readonly troubles: readonly Trouble[];
  /** The URL of a node that has something in hand. */
  readonly busiest: () => string;
  readonly random: () => number;
  readonly isQuick: boolean;
  readonly tell: (what: string) => void;
};

const stopMs = { quick: 4000, full: 60_000 };

/** When each comes, as shares of what is owed: in the middle of something, whatever that is. */
const between = { kill: [0.1, 0.3], stop: [0.35, 0.5], restart: [0.55, 0.75], cut: [0.1, 0.3] } as const;
const cuts = 20;
const betweenCutsMs = 100;
const recoveryMs = 15_000;

/** Each happens once its moment has come. Resolves when it is over. */
export function troublesOf(deps: TroubleDeps, reached: (share: number) => Promise<void>): readonly Promise<void>[] {
  const { troubles, random } = deps;
  return troubles.map(async (trouble) => {
    const [from, to] = between[trouble];
    const share = from + (to - from) * random();
    await reached(share);
    deps.tell(`${trouble} after ${Math.round(share * 100)} %`);
    await bring(trouble, deps);
  });
}

async function bring(trouble: Trouble, deps: TroubleDeps): Promise<void> {
  const { crew, server, busiest, isQuick, tell } = deps;
  const victim = crew.find(busiest()) ?? crew.running[0];
  if (victim === undefined) throw new Error("nobody is left");
  switch (trouble) {
    case "kill":
      return crew.kill(victim);
    case "stop":
      crew.stop(victim);
      await setTimeout(stopMs[isQuick ? "quick" : "full"]);
      crew.resume(victim);
      return tell(`${victim.name} goes on`);
    case "restart":
      await server.restart(() => expectRefusals(deps));
      tell("the database is back");
      return expectRecovery(deps);
    case "cut":
      return cutAll(deps);
  }
}

/** Promise F. */
async function expectRefusals({ crew, blame }: TroubleDeps): Promise<void> {
  for (const { hub, name } of crew.running) {
    const [ready, live] = await Promise.all(["readyz", "livez"].map((path) => statusOf(new URL(path, hub.url))));
    const body = new URLSearchParams({ "hub.mode": "publish", "hub.url": "http://topic.example/" });
    const ping = await statusOf(hub.url, { method: "POST", body });
    const told = `readyz ${ready}, livez ${live}, ping ${ping}`;
    if (told !== "readyz 503, livez 200, ping 503") blame(`without its database ${name} answers ${told}`);
  }
}

async function expectRecovery({ crew, blame }: TroubleDeps): Promise<void> {
  for (const { hub, name } of crew.running) {
    const untilMs = performance.now() + recoveryMs;
    while ((await statusOf(new URL("readyz", hub.url))) !== 200) {
      if (performance.now() > untilMs) return blame(`${name} does not recover`);
      await setTimeout(100);
    }
  }
}

async function statusOf(url: string | URL, request: RequestInit = {}): Promise<number> {
  const response = await fetch(url, request);
  await response.arrayBuffer();
  return response.status;
}

async function cutAll({ ask, tell }: TroubleDeps): Promise<void> {
  for (let i = 0; i < cuts; i += 1) {
    await ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'node %'");
    await setTimeout(betweenCutsMs);
  }
  tell("no more cuts");
}
