import { setTimeout } from "node:timers/promises";

import SqliteDatabase from "better-sqlite3";

import { loadConfig } from "../../src/config.ts";
import { verifyData } from "../../src/verify-data.ts";
import { askAll } from "../crash/ask-hub.ts";
import { type Figures, Ledger } from "../crash/ledger.ts";
import { Machine, type MachineFigures } from "../crash/machine.ts";
import { openPeers } from "../crash/peers.ts";
import { prove, rest, type Stage } from "../crash/round.ts";
import { draw, topicCount } from "../crash/schedule.ts";
import { openSqliteFile } from "../crash/sqlite-file.ts";
import { subscribeAll } from "../crash/subscribe-all.ts";
import { Trigger } from "../crash/trigger.ts";
import { createRandom } from "../support/random.ts";
import { type Fault, faults } from "./faults.ts";
import { residentMb, type Sample, slopeOf } from "./memory.ts";

export type SoakOptions = {
  readonly minutes: number;
  readonly seed: number;
  readonly threads: number;
  readonly tell: (what: string) => void;
};

export type SoakOutcome = {
  readonly figures: Readonly<Figures & MachineFigures>;
  readonly rounds: number;
  /** How often each kind of trouble came. */
  readonly troubles: ReadonlyMap<string, number>;
  /** Promises that were broken, and what is wrong with the data, in words. */
  readonly faults: readonly string[];
  /** Of each process that lived for long enough, how its memory grew: MB a minute, and the most it had. */
  readonly memory: readonly { readonly slope: number; readonly mostMb: number }[];
};

/** A request that waits for so long to be sent is still noted within what the ledger tolerates. */
const longestFaultMs = 1500;
/** When hubs that live one after the other end, as shares of the time. The last is there for longest: its memory tells most. */
const lives = [1 / 6, 1 / 3, 1];

/**
 * Mixed traffic, with one kind of trouble after the other, and after each of them a look at what was promised. A life ends by kill -9
 * or SIGTERM in the middle of traffic. Topics are of both policies.
 */
export async function soak({ minutes, seed, threads, tell }: SoakOptions): Promise<SoakOutcome> {
  await using stack = new AsyncDisposableStack();
  const random = createRandom(seed);
  const database = stack.use(await openSqliteFile(random));
  const [ledger, trigger] = [new Ledger(), new Trigger()];
  const peers = stack.use(await openPeers(topicCount, { ledger, trigger, seed }));
  const machine = stack.use(new Machine(database, ledger, threads));
  let fault: Fault | undefined;
  const stage: Stage = { ledger, trigger, peers, machine, database, mayRefuse: () => fault?.mayRefuse === true };
  const troubles = new Map<string, number>();
  const samples: Sample[][] = [];
  const startedMs = performance.now();
  const minutesPast = () => (performance.now() - startedMs) / 60_000;
  let rounds = 0;
  await machine.start();
  await subscribeAll(stage, random);
  missNothing(database.file, peers.topics[1]?.url ?? "");
  for (const [life, end] of lives.entries()) {
    if (ledger.faults.length > 0) break;
    const ofLife: Sample[] = [];
    samples.push(ofLife);
    while (minutesPast() < minutes * end && ledger.faults.length === 0) {
      rounds += 1;
      fault = faults[Math.floor(random() * faults.length)];
      if (fault !== undefined && (await playFault(stage, fault, database.file, seed + rounds, random)))
        troubles.set(fault.name, (troubles.get(fault.name) ?? 0) + 1);
      fault = undefined;
      const proven = ledger.free;
      await rest(stage, proven);
      await prove(stage);
      const mb = await residentMb(machine.pid);
      if (mb !== undefined) ofLife.push({ minutes: minutesPast(), mb });
      tell(`round ${rounds}: ${ledger.free.length} subscriptions, ${mb?.toFixed(0) ?? "?"} MB`);
    }
    if (end < 1) await succeed(stage, seed + rounds, life % 2 === 0);
  }
  machine.end();
  await machine.ended();
  for (const told of await inspect(database.url)) ledger.blame(`verify-data: ${told}`);
  const memory = samples.flatMap((one) => {
    const slope = slopeOf(one);
    return slope === undefined ? [] : [{ slope, mostMb: Math.max(...one.map(({ mb }) => mb)) }];
  });
  return { figures: { ...ledger.figures, ...machine.figures }, rounds, troubles, faults: ledger.faults, memory };
}

/** Fetched topics are `latest`; nothing but this makes one `every` yet. */
function missNothing(file: string, topic: string): void {
  const database = new SqliteDatabase(file, { timeout: 5000 });
  database.prepare("UPDATE topics SET policy = 'every' WHERE url = ?").run(topic);
  database.close();
}

/** Traffic before, while and after something is wrong. Resolves to whether it could be had. */
async function playFault(
  stage: Stage,
  { begin: start }: Fault,
  file: string,
  seed: number,
  random: () => number,
): Promise<boolean> {
  const [before, during] = draw(seed, 2);
  if (before === undefined || during === undefined) throw new Error("nothing was drawn");
  const traffic = [askAll(stage, before)];
  await setTimeout(random() * 100);
  const end = await start(stage, file);
  traffic.push(askAll(stage, during));
  await setTimeout(random() * longestFaultMs);
  await end?.();
  await Promise.all(traffic);
  return end !== undefined;
}

/** One hub ends in the middle of traffic, another begins. */
async function succeed(stage: Stage, seed: number, isKilled: boolean): Promise<void> {
  const { machine } = stage;
  const [round] = draw(seed, 1);
  const traffic = round && askAll(stage, round);
  await setTimeout(round?.delayMs ?? 0);
  if (isKilled) machine.kill();
  else machine.end();
  await traffic;
  await (isKilled ? machine.gone(false) : machine.ended());
  await machine.start();
  await rest(stage);
  await prove(stage);
}

async function inspect(url: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const fault of verifyData(loadConfig({ CARILLON_DATABASE_URL: url }, []))) found.push(fault);
  return found;
}
