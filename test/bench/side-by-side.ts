import type { Bench } from "./bench.ts";
import type { BenchHub } from "./bench-hub.ts";
import type { Usage } from "./hub-child.ts";
import type { Pair } from "./figure.ts";
import type { Latencies } from "./latencies.ts";
import type { Knobs } from "./row.ts";

const variants = ["alone", "beside"] as const;
type Variant = (typeof variants)[number];

/** What was measured of a hub while the other one stood still. */
type Slice = { readonly times: Readonly<Record<string, Latencies>>; readonly usage: Usage };
/** One after the other, within a second or so: what else the machine does hits both alike. */
export type Slices = Readonly<Record<Variant, Slice>>;

/**
 * Measures a hub without the trouble and one beside it, in turns: while one is looked at the other stands still (SIGSTOP),
 * for it would share the processors. Each round has new hubs, and `measure` has so many slices of their time.
 */
export async function sideBySide(
  { rounds, tell }: Knobs,
  bench: Bench,
  databases: Readonly<Record<Variant, string>>,
  slices: number,
  measure: (hub: BenchHub, slice: number) => Promise<Readonly<Record<string, Latencies>>>,
): Promise<readonly Slices[]> {
  const measured: Slices[] = [];
  for (let round = 0; round < rounds; round += 1) {
    tell(`round ${round + 1} of ${rounds}`);
    await using alone = await startPaused(bench, databases.alone);
    await using beside = await startPaused(bench, databases.beside);
    const hubs = { alone, beside };
    for (let slice = 0; slice < slices; slice += 1) {
      const results: Partial<Record<Variant, Slice>> = {};
      const order = (round + slice) % 2 === 0 ? variants : variants.toReversed();
      for (const variant of order) results[variant] = await look(hubs[variant], (hub) => measure(hub, slice));
      measured.push(results as Slices);
    }
  }
  return measured;
}

/** What both have been measured of by that name. */
export function pairsOf(measured: readonly Slices[], name: string): readonly Pair<Latencies>[] {
  return measured.flatMap(({ alone, beside }) => {
    const [reference, ours] = [alone.times[name], beside.times[name]];
    return reference === undefined || ours === undefined ? [] : [{ ours, reference }];
  });
}

async function startPaused(bench: Bench, database: string): Promise<BenchHub> {
  const hub = await bench.startHub(database);
  hub.pause();
  return hub;
}

async function look(hub: BenchHub, measure: (hub: BenchHub) => Promise<Slice["times"]>): Promise<Slice> {
  hub.resume();
  await hub.begin();
  const times = await measure(hub);
  const usage = await hub.usage();
  hub.pause();
  return { times, usage };
}
