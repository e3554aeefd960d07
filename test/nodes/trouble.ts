import { setTimeout } from "node:timers/promises";

import type { PostgresServer } from "../support/postgres-server.ts";
import type { Crew } from "./crew.ts";

/** One node is killed with -9; one is stopped, and later goes on; the database is restarted. */
export type Trouble = "kill" | "stop" | "restart";

export type TroubleDeps = {
  readonly crew: Crew;
  readonly server: PostgresServer;
  readonly troubles: readonly Trouble[];
  /** The URL of a node that has something in hand. */
  readonly busiest: () => string;
  readonly random: () => number;
  readonly isQuick: boolean;
  readonly tell: (what: string) => void;
};

const stopMs = { quick: 4000, full: 60_000 };

/** When each comes, as shares of what is owed: in the middle of something, whatever that is. */
const between = { kill: [0.1, 0.3], stop: [0.35, 0.5], restart: [0.55, 0.75] } as const;

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

async function bring(trouble: Trouble, { crew, server, busiest, isQuick, tell }: TroubleDeps): Promise<void> {
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
      await server.restart();
      return tell("the database is back");
  }
}
