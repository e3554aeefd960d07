import process from "node:process";
import { parseArgs } from "node:util";

import { build } from "../bench/built-hub.ts";
import { startTestServer } from "../support/postgres-server.ts";
import { createRandom } from "../support/random.ts";
import type { Database } from "./database.ts";
import { type Outcome, play } from "./play.ts";
import { openPostgresDatabase } from "./postgres-database.ts";
import { moments } from "./schedule.ts";
import { openSqliteFile } from "./sqlite-file.ts";

const usage = `npm run test:crash -- [--rounds N] [--seed S] [--store sqlite|postgres] [--threads N]

  --rounds   of each run; absent: 100
  --seed     decides what is asked for and when the hub is killed, a whole number; absent: any. When exactly a kill
             strikes is up to the machine
  --store    absent: one run on each
  --threads  that deliver, 0 to 8; absent: one run with none and one with 2
`;

const stores = ["sqlite", "postgres"] as const;
type Store = (typeof stores)[number];

type Given = {
  readonly rounds: number;
  readonly seed: number;
  readonly stores: readonly Store[];
  readonly threads: readonly number[];
};

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const given = parse(args);
  if (typeof given === "string") return say(`${given}\n\n${usage}`, 2);
  await build();
  let broken = 0;
  for (const store of given.stores) {
    for (const threads of given.threads) broken += Number(!(await run(given, store, threads)));
  }
  return say(
    `${broken === 0 ? "Every promise was kept" : "A promise was broken"}, seed ${given.seed}\n`,
    Number(broken > 0),
  );
}

/** Resolves to whether every promise was kept. */
async function run({ rounds, seed }: Given, store: Store, threads: number): Promise<boolean> {
  const startedMs = performance.now();
  const seconds = () => ((performance.now() - startedMs) / 1000).toFixed(1);
  say(`${store}, ${threads} threads, ${rounds} rounds, seed ${seed}\n`);
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await open(store, seed, stack));
  const tell = (what: string) => void say(`${seconds().padStart(8)} s  ${what}\n`);
  const outcome = await play({ database, threads, rounds, seed, tell });
  say(describe(outcome));
  return outcome.faults.length === 0;
}

async function open(store: Store, seed: number, stack: AsyncDisposableStack): Promise<Database> {
  if (store === "sqlite") return openSqliteFile(createRandom(seed));
  const server = stack.use(await startTestServer({ autovacuum: "on", synchronous_commit: "on" }));
  return openPostgresDatabase(server.url);
}

function describe({ figures, outages, moments: came, faults }: Outcome): string {
  const { acknowledged, unanswered, kills, deliveries, repeats, oldestRepeatMs } = figures;
  const lost =
    outages === undefined
      ? "none, only kills in their place: PostgreSQL's own, or a file system that does not tell what is not flushed"
      : `${outages.count}, in which ${outages.lostBytes} bytes were lost`;
  return `
requests     ${acknowledged} acknowledged, ${unanswered} without an answer
kills        ${kills}; ${moments.map((moment) => `${moment} ${came.get(moment) ?? 0}`).join(", ")}
power cuts   ${lost}
delivered    ${deliveries}, of them ${repeats} repeats, of what was answered at most ${Math.round(oldestRepeatMs)} ms before a kill
start, end   at most ${Math.round(figures.slowestStartMs)} ms, ${Math.round(figures.slowestEndMs)} ms
faults       ${faults.length}${faults.map((fault) => `\n             ${fault}`).join("")}

`;
}

/** What to run, or what is wrong with the arguments. */
function parse(args: readonly string[]): Given | string {
  const option = { type: "string" } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { rounds: option, seed: option, store: option, threads: option },
    });
    const { rounds = "100", seed = `${Math.trunc(Math.random() * 2 ** 31)}`, store, threads } = values;
    const isWhole = (text: string, min: number, max: number) =>
      /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max;
    if (!isWhole(rounds, 1, 10_000)) return `--rounds must be a whole number from 1 to 10000, not "${rounds}"`;
    if (!isWhole(seed, 0, 2 ** 31 - 1)) return `--seed must be a whole number from 0 to ${2 ** 31 - 1}, not "${seed}"`;
    if (threads !== undefined && !isWhole(threads, 0, 8))
      return `--threads must be a whole number from 0 to 8, not "${threads}"`;
    const chosen = stores.filter((one) => store === undefined || one === store);
    if (chosen.length === 0) return `--store must be sqlite or postgres, not "${store}"`;
    return {
      rounds: Number(rounds),
      seed: Number(seed),
      stores: chosen,
      threads: threads === undefined ? [0, 2] : [Number(threads)],
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function say(text: string, exitCode = 0): number {
  process.stdout.write(text);
  return exitCode;
}
