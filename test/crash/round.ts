import { setTimeout } from "node:timers/promises";

import { askAll, publish, type Scene } from "./ask-hub.ts";
import type { Database } from "./database.ts";
import type { Pair } from "./pair.ts";
import type { Moment, Round } from "./schedule.ts";
import { readExpiries, untilSettled } from "./settle.ts";

export type Stage = Scene & { readonly database: Database };

/** For a moment that does not come. */
const patienceMs = 2000;

/** What is waited for, where the moment itself is provoked. */
const awaited: Readonly<Partial<Record<Moment, Moment>>> = {
  writing: "delivery answered",
  closing: "delivery answered",
};

/**
 * Traffic, the end of the hub in the middle of it, a new hub. Without anything further all that was promised arrives; then a new
 * version of each topic shows who is subscribed. Resolves to whether the moment came.
 */
export async function playRound(stage: Stage, round: Round): Promise<boolean> {
  const { ledger, machine } = stage;
  const proven = ledger.free;
  const hasCome = await endAmidTraffic(stage, round);
  for (const afterMs of round.restartsMs) await machine.startInVain(afterMs, round.losesPower);
  await machine.start();
  await rest(stage, proven);
  await prove(stage);
  return hasCome;
}

/** Nothing is asked for any more: what was promised is kept. */
export async function rest(stage: Stage, proven: readonly Pair[] = []): Promise<void> {
  const { ledger } = stage;
  await settle(stage);
  ledger.checkPromised(proven);
  ledger.settle();
}

/** A publication of each topic that everybody in force must have. */
export async function prove(stage: Stage): Promise<void> {
  const { ledger, peers, database } = stage;
  for (const topic of peers.topics) {
    if (!(await publish(stage, topic))) ledger.blame(`nothing can be published at ${topic.path}`);
  }
  await settle(stage);
  ledger.prove();
  ledger.checkLeases(await readExpiries(database));
}

async function settle({ database, ledger }: Stage): Promise<void> {
  for (const left of await untilSettled(database)) ledger.blame(left);
}

async function endAmidTraffic(stage: Stage, round: Round): Promise<boolean> {
  const { machine, peers, trigger } = stage;
  const { moment, isOrderly } = round;
  const ending = Promise.withResolvers<void>();
  const end = () => {
    bringEnd(stage, round).then(ending.resolve, ending.reject);
  };
  if (moment !== "timer") trigger.arm(awaited[moment] ?? moment, round.nth, end);
  const traffic = askAll(stage, round);
  if (moment === "timer") await setTimeout(round.delayMs).then(end);
  const hasCome = await Promise.race([
    ending.promise.then(() => true),
    traffic.then(() => setTimeout(patienceMs, false)),
  ]);
  trigger.disarm();
  if (!hasCome) end();
  await ending.promise;
  if (isOrderly) await setTimeout(round.delayMs);
  peers.release(isOrderly);
  await traffic;
  await (isOrderly ? machine.ended() : machine.gone(round.losesPower));
  return hasCome;
}

/** Begins in this very turn. */
async function bringEnd({ machine, database }: Stage, { moment, isOrderly }: Round): Promise<void> {
  if (isOrderly) return machine.end();
  switch (moment) {
    case "writing":
      return database.duringWrite(machine.kill);
    case "closing":
      machine.end();
      return database.duringClose(machine.kill);
    default:
      return machine.kill();
  }
}
