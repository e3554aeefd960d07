import type { Metric, MetricObjectWithValues, MetricValueWithName, Registry } from "prom-client";

import type { Clock } from "../clock.ts";
import type { Figures } from "../model/figures.ts";
import { type Count, counted, type Counts, type Durations } from "./counts.ts";

/** The figures of the hub in Prometheus' text format. */
export type Exposition = {
  readonly contentType: string;
  /** Rejects with `store_unavailable` when the store cannot be asked. */
  readonly write: () => Promise<string>;
};

type Family = MetricObjectWithValues<MetricValueWithName<string>>;

const gauges: Readonly<Record<Exclude<keyof Figures, "oldestUndoneAt">, readonly [name: string, help: string]>> = {
  topics: ["carillon_topics", "Topics known"],
  subscriptions: ["carillon_subscriptions", "Subscriptions in force, or whose lease has just ended"],
  pending: ["carillon_pending_requests", "Requests that await verification, or whose denial is still to be told"],
  behind: ["carillon_behind_subscriptions", "Subscriptions that are not up to date"],
  openBreakers: ["carillon_open_breakers", "Origins that are left alone since they fail"],
};

/**
 * Loads prom-client, which costs memory and time: so call it when the figures are first asked for. It adds those of the process
 * to ours.
 */
export async function openExposition(
  counts: Counts,
  askFigures: () => Promise<Figures>,
  clock: Pick<Clock, "now">,
  version: string,
): Promise<Exposition> {
  const { Registry, collectDefaultMetrics } = await import("prom-client");
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  register(registry, "carillon_info", async () =>
    gauge("carillon_info", "The version", [{ labels: { version }, value: 1 }]),
  );
  for (const what of ["requests", "verifications", "fetches", "attempts"] as const) {
    const { name, help } = counted[what];
    register(registry, name, async () => counter(name, help, counts.list(what)));
  }
  register(registry, durationsName, async () => histogram(counts.durations));
  return {
    contentType: registry.contentType,
    async write() {
      const figures = tellFigures(await askFigures(), clock.now());
      for (const { name } of figures) registry.removeSingleMetric(name);
      for (const family of figures) register(registry, family.name, async () => family);
      return registry.metrics();
    },
  };
}

/** What Registry asks of a metric is its name and `get`; its own classes count for themselves. */
function register(registry: Registry, name: string, get: () => Promise<Family>): void {
  registry.registerMetric({ name, get } as unknown as Metric);
}

function tellFigures(figures: Figures, now: Date): readonly Family[] {
  const { oldestUndoneAt } = figures;
  const lagMs = now.getTime() - (oldestUndoneAt ?? now).getTime();
  const lagHelp = "Age of the oldest publication whose first attempts are not all made";
  return [
    ...Object.entries(gauges).map(([key, [name, help]]) => {
      return gauge(name, help, [{ labels: {}, value: figures[key as keyof typeof gauges] }]);
    }),
    gauge("carillon_fan_out_lag_seconds", lagHelp, [{ labels: {}, value: Math.max(0, lagMs) / 1000 }]),
  ];
}

function gauge(name: string, help: string, values: readonly Count[]): Family {
  return toFamily(name, help, "gauge", values);
}

function counter(name: string, help: string, values: readonly Count[]): Family {
  return toFamily(name, help, "counter", values);
}

const durationsName = "carillon_delivery_attempt_seconds";

function histogram({ classes, count, sum }: Durations): Family {
  const buckets = [
    ...classes.map((one) => ({ labels: { le: String(one.atMost) }, value: one.count })),
    { labels: { le: "+Inf" }, value: count },
  ].map((bucket) => ({ ...bucket, metricName: `${durationsName}_bucket` }));
  const total = [
    { labels: {}, value: sum, metricName: `${durationsName}_sum` },
    { labels: {}, value: count, metricName: `${durationsName}_count` },
  ];
  return toFamily(durationsName, "How long attempts of deliveries took", "histogram", [...buckets, ...total]);
}

function toFamily(name: string, help: string, type: string, values: readonly Count[]): Family {
  // `type` is a TypeScript enum there, and these words when it runs.
  return { name, help, type, values, aggregator: "sum" } as unknown as Family;
}
