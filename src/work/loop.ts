import type { Clock } from "../clock.ts";
import type { Bell } from "./bell.ts";

/** One round of a worker: load, decide, save. Resolves to the rows handled; 0: nothing was due. */
export type Step = (now: Date, signal: AbortSignal) => Promise<number>;

export type LoopDeps = {
  readonly clock: Clock;
  readonly bell: Bell;
  /** How long nothing may happen without a ring: the price of a lost nudge. */
  readonly pollMs: number;
  readonly onError: (error: unknown) => void;
};

/**
 * Runs a step until `signal`. A step that throws is told to `onError` and tried again after a pause, so the hub
 * recovers by itself when its disk does (promise F).
 */
export async function runLoop(step: Step, deps: LoopDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const handled = await attempt(step, deps, signal);
    if (handled === 0) await deps.bell.wait(deps.pollMs, signal);
  }
}

async function attempt(step: Step, { clock, onError }: LoopDeps, signal: AbortSignal): Promise<number> {
  try {
    return await step(clock.now(), signal);
  } catch (error) {
    onError(error);
    return 0;
  }
}
