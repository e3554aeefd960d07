import { createRandom } from "../support/random.ts";
import type { Database, Outages } from "./database.ts";
import { type Figures, Ledger } from "./ledger.ts";
import { Machine, type MachineFigures } from "./machine.ts";
import { openPeers } from "./peers.ts";
import { playRound, type Stage } from "./round.ts";
import { draw, type Moment, type Round, topicCount } from "./schedule.ts";
import { subscribeAll } from "./subscribe-all.ts";
import { Trigger } from "./trigger.ts";

export type Play = {
  readonly database: Database;
  readonly threads: number;
  readonly rounds: number;
  readonly seed: number;
  readonly tell: (what: string) => void;
};

export type Outcome = {
  readonly figures: Readonly<Figures & MachineFigures>;
  readonly outages: Outages | undefined;
  /** How often each moment came. */
  readonly moments: ReadonlyMap<Moment, number>;
  /** Promises that were broken, in words. */
  readonly faults: readonly string[];
};

/** Kills one hub after the other, and holds what comes of it against what was acknowledged. Ends after the first round that breaks a promise. */
export async function play({ database, threads, rounds, seed, tell }: Play): Promise<Outcome> {
  await using stack = new AsyncDisposableStack();
  const ledger = new Ledger();
  const trigger = new Trigger();
  const peers = stack.use(await openPeers(topicCount, { ledger, trigger, seed }));
  const machine = stack.use(new Machine(database, ledger, threads));
  const stage: Stage = { ledger, trigger, peers, machine, database };
  const moments = new Map<Moment, number>();
  await machine.start();
  await subscribeAll(stage, createRandom(seed));
  for (const [i, round] of draw(seed, rounds).entries()) {
    const { moment } = round;
    if (ledger.faults.length > 0) break;
    const hasCome = await playRound(stage, round);
    if (hasCome) moments.set(moment, (moments.get(moment) ?? 0) + 1);
    tell(`${String(i + 1).padStart(4)}  ${describe(round)}${hasCome ? "" : "; that moment did not come"}`);
  }
  machine.end();
  await machine.ended();
  const figures = { ...ledger.figures, ...machine.figures };
  return { figures, outages: database.outages, moments, faults: ledger.faults };
}

function describe({ moment, nth, isOrderly, losesPower, restartsMs }: Round): string {
  if (isOrderly) return `SIGTERM at ${moment} ${nth}`;
  const again = restartsMs.map((ms) => `, again after ${Math.round(ms)} ms`).join("");
  return `${losesPower ? "power cut" : "kill"} at ${moment} ${nth}${again}`;
}
