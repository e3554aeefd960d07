import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import type { Bell } from "./work/bell.ts";
import { runLoop, type Step } from "./work/loop.ts";

/** What has several items in the works at a time. */
export type Busy = {
  readonly busy: boolean;
  next: () => Promise<void>;
  idle: () => Promise<void>;
};

export type Worker = {
  readonly name: string;
  readonly bell: Bell;
  readonly step: Step;
  /** How long a lost nudge may go unnoticed. */
  readonly pollMs: number;
  readonly pool?: Busy;
};

/** Runs every worker until `signal`. What is then still in the works goes on. */
export async function runWorkers(
  workers: readonly Worker[],
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const loops = workers.map(({ name, bell, step, pollMs }) => {
    const onError = (err: unknown) => {
      log.error({ err, worker: name }, "a step failed; it will be tried again");
    };
    return runLoop(step, { clock, bell, pollMs, onError }, signal);
  });
  await Promise.all(loops);
}

/** Runs the workers' steps until nothing is due and nothing is in the works. For tests, in place of `runWorkers`. */
export async function drainWorkers(workers: readonly Worker[], clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    // What ends during the round may leave work to a stage that the round has passed.
    const wasIdle = !workers.some(({ pool }) => pool?.busy);
    let handled = 0;
    for (const worker of workers) handled += await worker.step(clock.now(), signal);
    const busy = workers.flatMap(({ pool }) => (pool?.busy ? [pool] : []));
    if (handled === 0 && wasIdle && busy.length === 0) return;
    if (handled === 0 && busy.length > 0) await Promise.race(busy.map((pool) => pool.next()));
  }
}

/** Resolves when nothing is in the works. A chunk may leave work to catch-up until its end, so one round is not enough. */
export async function finishWorkers(workers: readonly Worker[]): Promise<void> {
  while (workers.some(({ pool }) => pool?.busy)) {
    await Promise.all(workers.flatMap(({ pool }) => (pool ? [pool.idle()] : [])));
  }
}
