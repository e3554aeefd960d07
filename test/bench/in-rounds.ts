import { type Figure, figureOf, type Pair, speedOf } from "./figure.ts";
import type { Knobs } from "./row.ts";

/** Measures both sides one after the other, each first in every second round, after a round that only has code compiled. */
export async function inRounds<T, U = T>(
  { rounds, tell }: Knobs,
  ours: () => Promise<T>,
  reference: () => Promise<U>,
): Promise<readonly Pair<T, U>[]> {
  const measured: Pair<T, U>[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    tell(round === 0 ? "warm-up round" : `round ${round} of ${rounds}`);
    const first = round % 2 === 0 ? await ours() : undefined;
    const referred = await reference();
    const pair = { ours: first ?? (await ours()), reference: referred };
    if (round > 0) measured.push(pair);
  }
  return measured;
}

/** What an operation cost one side, and how busy the other end was, which must not be the limit. */
export type Cost = { readonly cpuUs: number; readonly wallUs: number; readonly otherEndShare: number };

/** CPU is held to the row's bar; the rest is told. */
export function compareCosts(operation: string, otherEnd: string, pairs: readonly Pair<Cost>[]): readonly Figure[] {
  const each = (of: (cost: Cost) => number) =>
    pairs.map(({ ours, reference }) => ({ ours: of(ours), reference: of(reference) }));
  const cpu = each(({ cpuUs }) => cpuUs);
  const wall = each(({ wallUs }) => wallUs);
  const otherEndShare = each((cost) => cost.otherEndShare);
  return [
    speedOf(`CPU per ${operation}`, "µs", cpu),
    speedOf(`time per ${operation}`, "µs", wall, { bar: undefined }),
    figureOf(`${otherEnd}'s share of a processor, ${operation}`, "%", otherEndShare, { bar: undefined }),
  ];
}
