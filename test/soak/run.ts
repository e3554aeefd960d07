import process from "node:process";
import { parseArgs } from "node:util";

import { build } from "../bench/built-hub.ts";
import { soak, type SoakOutcome } from "./soak.ts";

const usage = `npm run soak -- [--minutes N] [--seed S] [--threads N]

  --minutes  how long there is traffic; absent: 30
  --seed     decides what is asked for and what goes wrong when, a whole number; absent: any
  --threads  that deliver, 0 to 8; absent: 1
`;

/** More, in the last process of half an hour, is no noise. MB a minute. */
const steepest = 1;
const longEnough = 30;

// Called off: the hub goes by its exit handler.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const option = { type: "string" } as const;
const given = parse(process.argv.slice(2));
if (typeof given === "string") {
  process.stderr.write(`${given}\n\n${usage}`);
  process.exitCode = 2;
} else {
  await build();
  const startedMs = performance.now();
  const seconds = () => ((performance.now() - startedMs) / 1000).toFixed(0).padStart(6);
  process.stdout.write(`${given.minutes} minutes, seed ${given.seed}\n`);
  const outcome = await soak({ ...given, tell: (what) => void process.stdout.write(`${seconds()} s  ${what}\n`) });
  process.stdout.write(describe(outcome));
  const grew = given.minutes >= longEnough && (outcome.memory.at(-1)?.slope ?? 0) > steepest;
  process.exitCode = Number(outcome.faults.length > 0 || grew);
}

function describe({ figures, rounds, troubles, faults, memory }: SoakOutcome): string {
  const told = memory.map(({ slope, mostMb }) => `${slope.toFixed(2)} MB a minute, at most ${mostMb.toFixed(0)} MB`);
  return `
rounds       ${rounds}; ${[...troubles].map(([name, count]) => `${name} ${count}`).join(", ")}
requests     ${figures.acknowledged} acknowledged, ${figures.unanswered} without an answer
delivered    ${figures.deliveries}, of them ${figures.repeats} repeats
memory       ${told.length === 0 ? "too short to tell" : told.join("; ")}
faults       ${faults.length}${faults.map((fault) => `\n             ${fault}`).join("")}
`;
}

/** What to run, or what is wrong with the arguments. */
function parse(args: readonly string[]): { minutes: number; seed: number; threads: number } | string {
  try {
    const { values } = parseArgs({ args: [...args], options: { minutes: option, seed: option, threads: option } });
    const { minutes = "30", seed = `${Math.trunc(Math.random() * 2 ** 31)}`, threads = "1" } = values;
    if (!(Number(minutes) > 0 && Number(minutes) <= 10_000))
      return `--minutes must be from 0 to 10000, not "${minutes}"`;
    if (!/^\d{1,9}$/.test(seed)) return `--seed must be a whole number of at most 9 digits, not "${seed}"`;
    if (!/^[0-8]$/.test(threads)) return `--threads must be a whole number from 0 to 8, not "${threads}"`;
    return { minutes: Number(minutes), seed: Number(seed), threads: Number(threads) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
