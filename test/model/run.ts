import process from "node:process";
import { parseArgs } from "node:util";

import { tryAll } from "./crew.ts";
import { brokenBy, type Sequences } from "./promises.ts";

const usage = `npm run test:model -- [--runs N] [--seed S] [--only K]

  --runs  how many sequences of commands to try; absent: 10000
  --seed  what they are made of, a whole number; absent: any
  --only  only the one of that number, counted from 0
`;

const most = 100_000_000;
const mostSeed = 2 ** 31 - 1;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const given = parse(args);
  if (typeof given === "string") return say(`${given}\n\n${usage}`, 2);
  const started = performance.now();
  const after = () => `after ${Math.round((performance.now() - started) / 1000)} s, seed ${given.seed}`;
  let kept = 0;
  const onProgress = (runs: number) => {
    const twentieths = (of: number) => Math.trunc((of * 20) / given.runs);
    if (twentieths(kept + runs) > twentieths(kept)) say(`${kept + runs} of ${given.runs} sequences ${after()}\n`);
    kept += runs;
  };
  const broken = given.only === undefined ? await tryAll(given, onProgress) : await brokenBy(given);
  if (broken !== undefined) return say(`${broken}\n\nA promise was broken ${after()}\n`, 1);
  return say(`Every promise was kept ${after()}\n`);
}

/** What to try, or what is wrong with the arguments. */
function parse(args: readonly string[]): Sequences | string {
  const any = `${Math.trunc(Math.random() * 2 ** 31)}`;
  const option = { type: "string" } as const;
  try {
    const { values } = parseArgs({ args: [...args], options: { runs: option, seed: option, only: option } });
    const { runs = "10000", seed = any, only } = values;
    if (!isWhole(runs, 1, most)) return `--runs must be a whole number from 1 to ${most}, not "${runs}"`;
    if (!isWhole(seed, 0, mostSeed)) return `--seed must be a whole number from 0 to ${mostSeed}, not "${seed}"`;
    if (only === undefined) return { seed: Number(seed), runs: Number(runs) };
    if (!isWhole(only, 0, most)) return `--only must be a whole number from 0 to ${most}, not "${only}"`;
    return { seed: Number(seed), runs: 1, only: Number(only) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function isWhole(text: string, min: number, max: number): boolean {
  return /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max;
}

function say(text: string, exitCode = 0): number {
  process.stdout.write(text);
  return exitCode;
}
