import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import type { Sequences } from "./promises.ts";
import type { Answer } from "./worker.ts";

/** How many sequences a process is given at a time. What a seed gives does not depend on the number of cores. */
const batchRuns = 100;

/**
 * Tries sequences in as many processes as there are cores. Resolves to what breaks a promise, if anything does; then
 * no more are tried. `onKept` hears of each number of sequences that have kept them.
 */
export async function tryAll(all: Sequences, onKept: (runs: number) => void = () => {}): Promise<string | undefined> {
  const batches = batchesOf(all);
  const left = batches.entries();
  const broken: string[] = [];
  const crew = Array.from({ length: Math.min(availableParallelism(), batches.length) }, async () => {
    const worker = fork(join(import.meta.dirname, "worker.ts"), { execArgv: [] });
    for (const [i, batch] of left) {
      const found = await ask(worker, batch);
      if (found === undefined) onKept(batch.runs);
      else broken[i] = found;
      if (broken.length > 0) break;
    }
    if (worker.connected) worker.disconnect(); // then it ends
  });
  await Promise.all(crew);
  return broken.find((one) => one !== undefined); // the first, however fast each process was
}

/** Each has a seed of its own, the first one that which was asked for. */
function batchesOf({ seed, runs }: Sequences): readonly Sequences[] {
  return Array.from({ length: Math.ceil(runs / batchRuns) }, (_, i) => ({
    seed: (seed + Math.imul(i, 0x9e37_79b9)) & 0x7fff_ffff,
    runs: Math.min(batchRuns, runs - i * batchRuns),
  }));
}

function ask(worker: ChildProcess, batch: Sequences): Promise<string | undefined> {
  return new Promise((resolve) => {
    const onAnswer = ({ broken }: Answer) => {
      worker.off("exit", onExit);
      resolve(broken);
    };
    const onExit = (code: number | null, signal: string | null) => {
      resolve(`A process died of ${signal ?? code} while it tried --seed ${batch.seed} --runs ${batch.runs}`);
    };
    worker.once("message", onAnswer).once("exit", onExit);
    worker.send(batch);
  });
}
