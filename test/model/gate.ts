import { setImmediate } from "node:timers/promises";

import type { Clock } from "../../src/clock.ts";
import { HubError } from "../../src/errors.ts";

/** Between one process and the world: through it everything comes that could still reach the process. */
export type Gate = {
  /** The process is dead: nothing comes out of it, and nothing gets in. */
  isShut: boolean;
  /** It has got SIGTERM: it begins nothing new. */
  isStopping: boolean;
  /** Its file was copied: what it writes from then on has not happened. */
  isForgotten: boolean;
  /** Shut after this many more answers of the store: written, but never learnt. */
  answersLeft: number;
  /** How often the store will say that it is unavailable. */
  outages: number;
  /** Counts whatever happens, so that one can see when nothing does. */
  readonly pulse: { count: number };
};

export function createGate(pulse: Gate["pulse"]): Gate {
  return { isShut: false, isStopping: false, isForgotten: false, answersLeft: Infinity, outages: 0, pulse };
}

/** Asks the store on behalf of a process; `tell` learns what was committed, the process only while it lives. */
export async function pass<T>(gate: Gate, ask: () => Promise<T>, tell: (value: T) => void = nothing): Promise<T> {
  if (gate.isShut) return never();
  gate.pulse.count += 1;
  if (gate.outages > 0) {
    gate.outages -= 1;
    throw new HubError("store_unavailable", "the disk is full");
  }
  const value = await ask();
  if (gate.isForgotten) return never();
  gate.pulse.count += 1;
  tell(value);
  gate.answersLeft -= 1;
  if (gate.answersLeft <= 0) gate.isShut = true;
  return gate.isShut ? never() : value;
}

/** A process's clock: its timers die with it. */
export function clockOf(gate: Gate, clock: Clock): Clock {
  return {
    now: () => clock.now(),
    wallNow: () => clock.wallNow(),
    monotonicMs: () => clock.monotonicMs(),
    after: (ms, fire) =>
      clock.after(ms, () => {
        if (!gate.isShut) fire();
      }),
  };
}

export function never<T>(): Promise<T> {
  return new Promise(nothing);
}

/** Lets the event loop turn until nothing happens any more. No time passes. */
export async function rest(pulse: Gate["pulse"], until: () => boolean = () => false): Promise<void> {
  let quiet = 0;
  for (let turn = 0; quiet < 4 && !until(); turn += 1) {
    if (turn > 20_000) throw new Error("the engine never comes to rest");
    const before = pulse.count;
    await setImmediate();
    quiet = pulse.count === before ? quiet + 1 : 0;
  }
}

/** What was asked for, unless the store was unavailable: then it has not happened. */
export async function unlessUnavailable(asked: Promise<unknown>, then: () => void = nothing): Promise<void> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof HubError && error.code === "store_unavailable") return;
    throw error;
  }
  then();
}

function nothing(): void {}
