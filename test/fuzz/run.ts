import { execFile } from "node:child_process";
import process from "node:process";
import { parseArgs, promisify } from "node:util";

import { checkTarget } from "./check-target.ts";
import type { Target } from "./target.ts";
import { targets } from "./targets.ts";

const names = targets.map(({ name }) => name).join(", ");
const usage = `npm run fuzz -- [--seconds N] [--seed S] [--target NAME]

  --seconds  how long to try in all; absent: 60
  --seed     what the inputs are made of, a whole number; absent: any
  --target   only this one of ${names}
`;
const mostSeed = 2 ** 31 - 1;

type Given = { readonly seconds: number; readonly seed: number; readonly chosen: readonly Target[] };

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const given = parse(args);
  if (typeof given === "string") return say(`${given}\n\n${usage}`, 2);
  const { seed, chosen } = given;
  await promisify(execFile)("npm", ["run", "--silent", "build"]);
  const seconds = given.seconds / chosen.length;
  say(`${chosen.length} targets for ${seconds.toFixed(1)} s each, seed ${seed}\n`);
  let code = 0;
  for (const target of chosen) {
    const found = await checkTarget(target, { seed, seconds }).catch(String);
    say(found === undefined ? `${target.name}: nothing found\n` : `${target.name}: ${found}\n`);
    if (found !== undefined) code = 1;
  }
  return code;
}

/** What to try, or what is wrong with the arguments. */
function parse(args: readonly string[]): Given | string {
  const any = `${Math.trunc(Math.random() * mostSeed)}`;
  const option = { type: "string" } as const;
  try {
    const { values } = parseArgs({ args: [...args], options: { seconds: option, seed: option, target: option } });
    const { seconds = "60", seed = any, target } = values;
    const chosen = targets.filter(({ name }) => target === undefined || name === target);
    if (!/^\d{1,6}$/.test(seconds) || seconds === "0")
      return `--seconds must be a whole number from 1, not "${seconds}"`;
    if (!/^\d{1,10}$/.test(seed) || Number(seed) > mostSeed) return `--seed must be a whole number, not "${seed}"`;
    if (chosen.length === 0) return `--target must be one of ${names}, not "${target}"`;
    return { seconds: Number(seconds), seed: Number(seed), chosen };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function say(text: string, exitCode = 0): number {
  process.stdout.write(text);
  return exitCode;
}
