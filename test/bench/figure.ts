import { median } from "./statistics.ts";

/** What a ratio must keep to. */
export type Bar = { readonly atMost: number } | { readonly atLeast: number };

/** One line of the table: a figure of the hub's, one it is held against, and their ratio. */
export type Figure = {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly reference: number;
  readonly ratio: number;
  /** The reference against itself in the same run: how far from 1 a ratio may be where there is no difference. */
  readonly noise?: number | undefined;
  /** Absent: its row's. Undefined: told, and held to nothing. */
  readonly bar?: Bar | undefined;
};

/** Both sides of a ratio, measured one after the other. */
export type Pair<T, U = T> = { readonly ours: T; readonly reference: U };

type More = Pick<Figure, "bar">;

/** Medians; the ratio too is that of the pairs, so that what comes and goes on the machine cancels out. */
export function figureOf(what: string, unit: string, pairs: readonly Pair<number>[], more: More = {}): Figure {
  const references = pairs.map(({ reference }) => reference);
  return {
    what,
    unit,
    ours: median(pairs.map(({ ours }) => ours)),
    reference: median(references),
    ratio: median(pairs.map(({ ours, reference }) => ours / reference)),
    noise: noiseOf(references),
    ...more,
  };
}

/**
 * What one operation costs either side, each at its best round: what disturbs a round can only add to it. The ratio is that of
 * speeds, above 1 where the reference costs more.
 */
export function speedOf(what: string, unit: string, pairs: readonly Pair<number>[], more: More = {}): Figure {
  const ours = Math.min(...pairs.map((pair) => pair.ours));
  const references = pairs.map((pair) => pair.reference);
  const reference = Math.min(...references);
  const halves = [0, 1].map((half) => Math.min(...references.filter((_, i) => i % 2 === half)));
  const noise = pairs.length < 2 ? undefined : Math.max(...halves) / Math.min(...halves);
  return { what, unit, ours, reference, ratio: reference / ours, noise, ...more };
}

/** Held against a fixed number. */
export function figureAgainst(
  limit: number,
  what: string,
  unit: string,
  ours: readonly number[],
  more: More = {},
): Figure {
  const value = median(ours);
  return { what, unit, ours: value, reference: limit, ratio: value / limit, ...more };
}

export function isMet(ratio: number, bar: Bar): boolean {
  return "atMost" in bar ? ratio <= bar.atMost : ratio >= bar.atLeast;
}

/** As if every second one were ours. 1 or more; absent where there is but one. */
function noiseOf(references: readonly number[]): number | undefined {
  const ratios = references.flatMap((one, i) => {
    const next = references[i + 1];
    return i % 2 === 1 || next === undefined ? [] : [one / next];
  });
  const ratio = median(ratios);
  return ratios.length === 0 ? undefined : Math.max(ratio, 1 / ratio);
}
