import process from "node:process";
import { parseArgs } from "node:util";

import { build } from "../bench/built-hub.ts";
import { type Outcome, type Play, play } from "./play.ts";

const usage = `npm run test:nodes -- [--subscribers N] [--versions N] [--nodes N] [--seed S] [--quick]

  --subscribers  of the topic of which every version is owed; absent: 100000
  --versions     how often it changes; absent: 4
  --nodes        processes on one PostgreSQL, at least 3; absent: 4
  --seed         decides who suffers what and when, a whole number; absent: any
  --quick        a node is stopped for 4 s instead of 60, and leases are ended by hand
`;

const bounds = { subscribers: [10, 1_000_000], versions: [1, 30], nodes: [3, 16], seed: [0, 2 ** 31 - 1] } as const;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const given = parse(args);
  if (typeof given === "string") return say(`${given}\n\n${usage}`, 2);
  await build();
  const startedMs = performance.now();
  const after = () => `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
  const outcome = await play({ ...given, tell: (what) => void say(`${after().padStart(8)}  ${what}\n`) });
  say(describe(outcome));
  const isKept = outcome.faults.length === 0 && outcome.exitCodes.every((code) => code === 0);
  return say(
    `${isKept ? "Every promise was kept" : "A promise was broken"} after ${after()}, seed ${given.seed}\n`,
    isKept ? 0 : 1,
  );
}

function describe({ owed, figures, faults, refusals, peaksMb, exitCodes }: Outcome): string {
  const { deliveries, repeats, unheard, late } = figures;
  const pings = Object.entries(refusals).map(([answer, count]) => `${count} × ${answer}`);
  return `
owed        ${owed}
delivered   ${deliveries}, of them ${repeats} repeats; ${unheard} answers found nobody${late > 0 ? `, ${late} late` : ""}
faults      ${faults.length}${faults
    .slice(0, 20)
    .map((fault) => `\n            ${fault}`)
    .join("")}
pings       ${pings.length === 0 ? "all accepted" : `not accepted: ${pings.join(", ")}`}
memory      at most ${peaksMb.join(", ")} MB
exit codes  ${exitCodes.join(", ")}

`;
}

/** What to play, or what is wrong with the arguments. */
function parse(args: readonly string[]): Omit<Play, "tell"> | string {
  const option = { type: "string" } as const;
  const options = {
    subscribers: option,
    versions: option,
    nodes: option,
    seed: option,
    quick: { type: "boolean" },
  } as const;
  const absent = { subscribers: "100000", versions: "4", nodes: "4", seed: `${Math.trunc(Math.random() * 2 ** 31)}` };
  try {
    const { values } = parseArgs({ args: [...args], options });
    const texts = { ...absent, ...values };
    for (const name of ["subscribers", "versions", "nodes", "seed"] as const) {
      const [min, max] = bounds[name];
      const text = texts[name];
      if (!/^\d+$/.test(text) || Number(text) < min || Number(text) > max)
        return `--${name} must be a whole number from ${min} to ${max}, not "${text}"`;
    }
    return {
      subscribers: Number(texts.subscribers),
      versions: Number(texts.versions),
      nodes: Number(texts.nodes),
      seed: Number(texts.seed),
      troubles: ["kill", "stop", "restart"],
      isQuick: values.quick === true,
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function say(text: string, exitCode = 0): number {
  process.stdout.write(text);
  return exitCode;
}
