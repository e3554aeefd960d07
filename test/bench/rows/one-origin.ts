import { setTimeout } from "node:timers/promises";

import { type Audience, openAudience } from "../audience.ts";
import { openBench } from "../bench.ts";
import type { BenchHub } from "../bench-hub.ts";
import { figureAgainst } from "../figure.ts";
import { compareLatencies, type Latencies, summarise } from "../latencies.ts";
import type { Row } from "../row.ts";
import { subscribe } from "../seed.ts";

const callbacks = 20_000;
const answerMs = 20;
/** CARILLON_HOST_CONCURRENCY as it is by default. */
const concurrency = 64;
const idealMs = (callbacks * answerMs) / concurrency;
const rampMs = 3000;
const calmOnes = 10;
/** Between publications to the few. */
const pauseMs = 150;

/** The few are pinged before the big fan-out, all through it, and after it. Each round is a new hub, for it learns how fast the origin is. */
export const oneOrigin: Row = {
  name: "one-origin",
  what: "20,000 subscribers at one origin that answers after 20 ms: how soon it is used to the full, and 50 others meanwhile",
  bar: { atMost: 1.1 },
  async run({ rounds, tell }) {
    await using bench = await openBench();
    const { publisher, sink, troubleSink } = bench;
    const group = { name: "big", network: 2, origins: 1, behaviour: "answer", afterMs: answerMs } as const;
    const big = await openAudience(publisher, troubleSink, group, { perOrigin: callbacks });
    const few = await openAudience(publisher, sink, { name: "few", network: 3, origins: 50, behaviour: "answer" });
    const database = await bench.seed(async (store) => {
      for (const audience of [big, few]) await subscribe(store, audience.topic, audience.callbacks);
    });
    const measured: Round[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      tell(`round ${round} of ${rounds}`);
      await using hub = await bench.startHub(database);
      measured.push(await measure(hub, big, few));
    }
    const full = measured.map(({ fullMs }) => fullMs);
    const total = measured.map(({ totalMs }) => totalMs);
    const beside = measured.map(({ calm, during }) => ({ ours: during, reference: calm }));
    return {
      figures: [
        figureAgainst(rampMs, `until ${concurrency} requests are open at once`, "ms", full, { bar: { atMost: 1 } }),
        figureAgainst(idealMs, "all delivered, against the origin's own pace", "ms", total, { bar: undefined }),
        ...compareLatencies("the others", beside),
      ],
      details: summarise(measured),
    };
  },
};

type Round = Awaited<ReturnType<typeof measure>>;

async function measure(hub: BenchHub, big: Audience, few: Audience) {
  const before = await publishSpaced(calmOnes, few, hub);
  await hub.begin();
  const { totalMs, during } = await publishBoth(big, few, hub);
  const usage = await hub.usage();
  const peaks = await big.peaks();
  const after = await publishSpaced(calmOnes, few, hub);
  const fullMs = peaks[concurrency - 1] ?? Number.POSITIVE_INFINITY;
  return { calm: [...before, ...after], during, totalMs, fullMs, mostOpen: peaks.length, usage };
}

async function publishBoth(big: Audience, few: Audience, hub: BenchHub) {
  const fanOut = { isOver: false };
  const end = () => {
    fanOut.isOver = true;
  };
  const all = big.publish(hub);
  all.then(end, end);
  const during: Latencies[number][] = [];
  while (!fanOut.isOver) during.push(...(await publishSpaced(1, few, hub)));
  return { totalMs: Math.max(...(await all)), during };
}

async function publishSpaced(count: number, audience: Audience, hub: BenchHub): Promise<Latencies> {
  const latencies: Latencies[number][] = [];
  for (let i = 0; i < count; i += 1) {
    await setTimeout(pauseMs);
    latencies.push(await audience.publish(hub));
  }
  return latencies;
}
