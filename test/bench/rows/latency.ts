import { setTimeout } from "node:timers/promises";

import { openAudience } from "../audience.ts";
import { openBench } from "../bench.ts";
import { figureAgainst } from "../figure.ts";
import type { Row } from "../row.ts";
import { subscribe } from "../seed.ts";
import { quantile } from "../statistics.ts";

const pings = 200;
const subscribers = 10;
/** Between two of them nothing happens. */
const pauseMs = 50;
const settings = {};

/** The publisher answers at once, so nothing is taken off for it. */
export const latency: Row = {
  name: "latency",
  what: "200 pings of a topic with 10 subscribers, hub idle, new connections: from the ping to the first delivery",
  bar: { atMost: 1 },
  async run() {
    await using bench = await openBench();
    const group = { name: "few", network: 2, origins: subscribers, behaviour: "answer" } as const;
    const audience = await openAudience(bench.publisher, bench.sink, group);
    const database = await bench.seed((store) => subscribe(store, audience.topic, audience.callbacks));
    await using hub = await bench.startHub(database, settings, { probe: true });
    const flushedMs = async () => (await hub.usage()).store?.allCommitsMs ?? Number.NaN;
    const measured: { readonly totalMs: number; readonly flushMs: number }[] = [];
    for (let i = 0; i < pings; i += 1) {
      await audience.drop();
      await setTimeout(pauseMs);
      const before = await flushedMs();
      const totalMs = Math.min(...(await audience.publish(hub)));
      measured.push({ totalMs, flushMs: (await flushedMs()) - before });
    }
    const total = measured.map(({ totalMs }) => totalMs);
    const flushes = measured.map(({ flushMs }) => flushMs);
    return {
      figures: [
        figureAgainst(10, "median", "ms", [quantile(total, 0.5)]),
        figureAgainst(30, "p99", "ms", [quantile(total, 0.99)]),
        figureAgainst(10, "flushes meanwhile, median", "ms", [quantile(flushes, 0.5)], { bar: undefined }),
        figureAgainst(30, "flushes meanwhile, p99", "ms", [quantile(flushes, 0.99)], { bar: undefined }),
      ],
      details: measured,
    };
  },
};
