import { stat } from "node:fs/promises";

import { type Audience, openAudience, type Sink } from "../audience.ts";
import { type Bench, openBench } from "../bench.ts";
import type { BenchHub } from "../bench-hub.ts";
import { figureAgainst, type Pair, speedOf } from "../figure.ts";
import { nowMs } from "../now-ms.ts";
import type { Row } from "../row.ts";
import { subscribe } from "../seed.ts";
import { subscribeBySql } from "../seed-by-sql.ts";

const million = 1_000_000;
const bytes = 10_240;
const origins = 200;
const few = 1000;
/** Deliveries that are looked at in a round. */
const looked = 10_000;
/** Put in through the store, to tell how long a million would take. */
const sample = 20_000;
const settings = {};

/** Each round is a new hub, which is stopped long before everybody is delivered to, but for the last one with `--full`. */
export const millionRow: Row = {
  name: "million",
  what: "publish 10 KB, signed, to a topic with 1,000,000 subscriptions at 200 origins, warm connections",
  bar: { atMost: 1 },
  async run({ rounds, full, tell }) {
    await using bench = await openBench();
    const group = { name: "all", network: 2, origins, behaviour: "answer" } as const;
    const audience = await openAudience(bench.publisher, bench.sink, group, { perOrigin: few / origins, bytes });
    const topic = bench.publisher.topic("million", bytes);
    tell("putting a million subscriptions into a database");
    const seeded = await seed(bench, audience, topic);
    const measured: Measured[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      tell(`round ${round} of ${rounds}`);
      await using hub = await bench.startHub(seeded.database, settings, { probe: true });
      const count = full && round === rounds ? million : looked;
      measured.push(await measure(bench, hub, audience, topic, count));
    }
    const each = (of: (one: Measured) => number) => measured.map(of);
    const costs: Pair<number>[] = measured.map((one) => ({ ours: one.cpuUs, reference: one.cpuUsOfFew }));
    const figures = [
      figureAgainst(
        50,
        "first delivery after the ping",
        "ms",
        each(({ firstMs }) => firstMs),
      ),
      figureAgainst(
        5,
        "longest call of the store, flushes apart",
        "ms",
        each(({ longestCallMs }) => longestCallMs),
      ),
      speedOf("CPU per delivery, against 1,000 subscribers", "µs", costs, { bar: { atLeast: 0.9 } }),
      figureAgainst(300, "database", "MB", [seeded.databaseMb]),
      figureAgainst(
        30,
        "event-loop delay, longest",
        "ms",
        each(({ loopMs }) => loopMs),
        { bar: undefined },
      ),
    ];
    return { figures, details: { seeded, measured } };
  },
};

async function seed(bench: Bench, audience: Audience, topic: string) {
  const emptyMb = await sizeOf(await bench.seed(() => Promise.resolve()));
  let sampleMs = 0;
  const sampled = Array.from({ length: sample }, (_, i) => `http://127.3.0.1:9000/websub/${i}`);
  await bench.seed(async (store) => {
    const startedMs = nowMs();
    await subscribe(store, "http://127.0.0.1:9000/sample", sampled);
    sampleMs = nowMs() - startedMs;
  });
  const database = await bench.seed((store) => subscribe(store, audience.topic, audience.callbacks));
  const startedMs = nowMs();
  const addresses = new Set(audience.callbacks.map((callback) => new URL(callback).origin));
  subscribeBySql(database, topic, [...addresses], million);
  const databaseMb = (await sizeOf(database)) - emptyMb;
  return { database, databaseMb, seconds: (nowMs() - startedMs) / 1000, throughTheStoreUs: (sampleMs * 1000) / sample };
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file)).size / 1e6;
}

type Measured = Awaited<ReturnType<typeof measure>>;

async function measure({ publisher, sink }: Bench, hub: BenchHub, audience: Audience, topic: string, count: number) {
  await repeat(hub, audience, looked / few); // for connections and code alike
  await hub.begin();
  await repeat(hub, audience, looked / few);
  const ofFew = await hub.usage();
  await hub.begin();
  const { firstMs } = await publishTo(publisher.change(topic), sink, hub, topic, count);
  const usage = await hub.usage();
  const { longestStatementMs = Number.NaN, longestTransactionMs = Number.NaN } = usage.store ?? {};
  return {
    firstMs,
    cpuUs: (usage.cpuMs * 1000) / count,
    cpuUsOfFew: (ofFew.cpuMs * 1000) / looked,
    longestCallMs: Math.max(longestStatementMs, longestTransactionMs),
    loopMs: usage.loopDelayMaxMs,
    usage,
    ofFew,
  };
}

async function repeat(hub: BenchHub, audience: Audience, times: number): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    await audience.publish(hub);
    await hub.finished(audience.topic);
  }
}

async function publishTo(tag: string, sink: Sink, hub: BenchHub, topic: string, count: number) {
  const startedMs = nowMs();
  const arrived = (first: number) => sink.ask("arrived", { group: "all", tag, count: first });
  const [[firstAtMs = Number.NaN]] = await Promise.all([
    arrived(1),
    arrived(count),
    hub.post({ "hub.mode": "publish", "hub.url": topic }),
  ]);
  return { firstMs: firstAtMs - startedMs };
}
