import { openAudience } from "../audience.ts";
import { type Bench, openBench } from "../bench.ts";
import type { BenchHub } from "../bench-hub.ts";
import { compareLatencies, publishTimes, summarise } from "../latencies.ts";
import { nowMs } from "../now-ms.ts";
import type { Row } from "../row.ts";
import { request, subscribe } from "../seed.ts";
import { pairsOf, sideBySide } from "../side-by-side.ts";

const pending = 1500;
const slices = 8;
const publications = 5;
const verifications = 20;

export const pendingVerifications: Row = {
  name: "pending-verifications",
  what: "1,500 requests of one host that never answers: delivery to others and verification of another host, against without",
  bar: { atMost: 1.1 },
  async run(knobs) {
    await using bench = await openBench();
    const { publisher, sink, troubleSink } = bench;
    const group = { name: "others", network: 2, origins: 100, behaviour: "answer" } as const;
    const others = await openAudience(publisher, sink, group);
    const [silent] = await troubleSink.ask("serve", { name: "silent", network: 3, origins: 1, behaviour: "hang" });
    const unverified = Array.from({ length: pending }, (_, i) => `${silent}/${i}`);
    const seedBeside = (callbacks: readonly string[]) =>
      bench.seed(async (store) => {
        await subscribe(store, others.topic, others.callbacks);
        await request(store, others.topic, callbacks);
      });
    const databases = { alone: await seedBeside([]), beside: await seedBeside(unverified) };
    const verify = await openNewcomers(bench);
    const measured = await sideBySide(knobs, bench, databases, slices, async (hub) => {
      const delivered = await publishTimes(publications, others, hub);
      const verified: number[] = [];
      for (let i = 0; i < verifications; i += 1) verified.push(await verify(hub));
      return { delivered, verified: [verified] };
    });
    const figures = [
      ...compareLatencies("delivery to others", pairsOf(measured, "delivered")),
      ...compareLatencies("verification of another host", pairsOf(measured, "verified")),
    ];
    return { figures, details: summarise(measured) };
  },
};

/** Subscribes at a host the hub has not met, and resolves to how many milliseconds later that is asked whether it wants to. */
async function openNewcomers({ publisher, sink }: Bench): Promise<(hub: BenchHub) => Promise<number>> {
  const group = "newcomers";
  const newcomers = { name: group, network: 4, origins: slices * verifications, behaviour: "answer" } as const;
  const origins = await sink.ask("serve", newcomers);
  const topic = publisher.topic(group);
  let count = 0;
  return async (hub) => {
    count += 1;
    const path = `/${count}`;
    const callback = `${origins[count % origins.length]}${path}`;
    const startedMs = nowMs();
    const [times] = await Promise.all([
      sink.ask("arrived", { group, tag: path, count: 1 }),
      hub.post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback }),
    ]);
    return Math.max(...times) - startedMs;
  };
}
