import process from "node:process";
import { parseArgs } from "node:util";

import type { Answers } from "./load.ts";
import { overload } from "./overload.ts";

// Called off: the hub goes by its exit handler.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const seconds = parse(process.argv.slice(2));
if (typeof seconds === "string") {
  process.stderr.write(`${seconds}\n\nnpm run overload -- [--seconds N]\n`);
  process.exit(2);
}
const outcome = await overload({ seconds, tell: (what) => void process.stdout.write(`${what}\n`) });
const { subscribes, pings, sustainable, offered, idleMb, mostMb, stallMs, doneAfterMs, faults } = outcome;
process.stdout.write(`
asked for    ${offered} subscriptions and as many pings a second, for ${seconds} s; ${sustainable} could be done
answered     subscriptions ${describe(subscribes)}
             pings ${describe(pings)}
memory       at most ${mostMb.toFixed(0)} MB, idle ${idleMb.toFixed(0)} MB
event loop   stood still for ${stallMs.toFixed(0)} ms at most
done         ${(doneAfterMs / 1000).toFixed(0)} s after the last request, all that was accepted
faults       ${faults.length}${faults.map((fault) => `\n             ${fault}`).join("")}
`);
process.exitCode = Number(faults.length > 0);

function describe({ statuses }: Answers): string {
  return [...statuses].map(([status, count]) => `${count} x ${status}`).join(", ");
}

/** A sentence where they are not understood. */
function parse(args: readonly string[]): number | string {
  try {
    const { values } = parseArgs({ args: [...args], options: { seconds: { type: "string", default: "60" } } });
    const given = Number(values.seconds);
    return given > 0 && given <= 3600 ? given : `--seconds must be from 0 to 3600, not "${values.seconds}"`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
