import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { isMet } from "./figure.ts";
import type { Row } from "./row.ts";
import { rows } from "./rows.ts";
import { barOf, formatTable, type Measured } from "./table.ts";

const usage = `npm run bench -- [--rounds N] [--full] [--profile FOLDER] [NAME ...]
rows: ${rows.map(({ name }) => name).join(", ")}
A name also stands for all that begin with it and a hyphen.`;
const resultsFile = join(import.meta.dirname, "results.json");

// Called off: what has been opened goes by its exit handlers.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
const asked = readArguments();
if (typeof asked === "string") {
  process.stderr.write(`${asked}\n${usage}\n`);
  process.exitCode = 2;
} else {
  if (asked.profile !== undefined) {
    await mkdir(asked.profile, { recursive: true });
    process.env["BENCH_PROFILE"] = resolve(asked.profile);
  }
  const measured = await measure(asked);
  process.stdout.write(`${formatTable(measured)}\n`);
  await writeFile(resultsFile, JSON.stringify(toResults(measured, asked.rounds), undefined, 2));
}

type Asked = {
  readonly chosen: readonly Row[];
  readonly rounds: number;
  readonly full: boolean;
  /** Where CPU profiles of the hubs go. */
  readonly profile: string | undefined;
};

/** A sentence where it is not understood. */
function readArguments(): Asked | string {
  try {
    const options = {
      rounds: { type: "string", default: "5" },
      full: { type: "boolean", default: false },
      profile: { type: "string" },
    } as const;
    const { values, positionals } = parseArgs({ allowPositionals: true, options });
    const isAbout = (row: Row, name: string) => row.name === name || row.name.startsWith(`${name}-`);
    const unknown = positionals.filter((name) => !rows.some((row) => isAbout(row, name)));
    if (unknown.length > 0) return `there is no row ${unknown.join(", ")}`;
    if (!/^[1-9]\d{0,2}$/.test(values.rounds))
      return `--rounds is "${values.rounds}": it must be a whole number from 1`;
    const isChosen = (row: Row) => positionals.some((name) => isAbout(row, name));
    const chosen = positionals.length === 0 ? rows : rows.filter(isChosen);
    return { chosen, rounds: Number(values.rounds), full: values.full, profile: values.profile };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** One row after the other: they need the machine for themselves. One that cannot be measured keeps none of the others from it. */
async function measure({ chosen, rounds, full }: Asked): Promise<readonly Measured[]> {
  const measured: Measured[] = [];
  for (const row of chosen) {
    const tell = (progress: string) => void process.stderr.write(`${row.name}: ${progress}\n`);
    try {
      measured.push({ row, ...(await row.run({ rounds, full, tell })) });
    } catch (error) {
      tell(error instanceof Error ? (error.stack ?? error.message) : String(error));
      process.exitCode = 1;
    }
  }
  return measured;
}

function toResults(measured: readonly Measured[], rounds: number) {
  const machine = { node: process.version, processors: cpus().map(({ model }) => model) };
  const figures = measured.map(({ row, figures: all, details }) => ({
    name: row.name,
    what: row.what,
    figures: all.map((one) => {
      const bar = barOf(row, one);
      return { ...one, bar, met: bar === undefined ? undefined : isMet(one.ratio, bar) };
    }),
    details,
  }));
  return { at: new Date(), rounds, machine, rows: figures };
}
