import type { Audience } from "./audience.ts";
import type { BenchHub } from "./bench-hub.ts";
import { type Figure, figureOf, type Pair } from "./figure.ts";
import { median, quantile } from "./statistics.ts";

/** How long after its ping each of the subscribers looked at was delivered to, for each of several publications. */
export type Latencies = readonly (readonly number[])[];

const looks = {
  median: (latencies: Latencies) => quantile(latencies.flat(), 0.5),
  p99: (latencies: Latencies) => quantile(latencies.flat(), 0.99),
  last: (latencies: Latencies) => median(latencies.map((one) => Math.max(...one))),
} as const;

/** So many publications, each when the one before has reached everybody. */
export async function publishTimes(count: number, audience: Audience, hub: BenchHub): Promise<Latencies> {
  const latencies: (readonly number[])[] = [];
  for (let i = 0; i < count; i += 1) latencies.push(await audience.publish(hub));
  return latencies;
}

/** Time to delivery with and without the trouble. */
export function compareLatencies(what: string, pairs: readonly Pair<Latencies>[]): readonly Figure[] {
  return Object.entries(looks).map(([name, of]) => {
    const looked = pairs.map(({ ours, reference }) => ({ ours: of(ours), reference: of(reference) }));
    return figureOf(`${what}, ${name}`, "ms", looked);
  });
}

/** What was measured, for results.json: of latencies only what they come to. */
export function summarise(measured: unknown): unknown {
  if (isLatencies(measured)) return Object.fromEntries(Object.entries(looks).map(([name, of]) => [name, of(measured)]));
  if (Array.isArray(measured)) return measured.map(summarise);
  if (typeof measured !== "object" || measured === null) return measured;
  return Object.fromEntries(Object.entries(measured).map(([key, value]) => [key, summarise(value)]));
}

function isLatencies(value: unknown): value is Latencies {
  return Array.isArray(value) && value.length > 0 && value.every((one) => Array.isArray(one));
}
