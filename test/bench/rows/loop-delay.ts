import { type Audience, openAudience } from "../audience.ts";
import { openBench } from "../bench.ts";
import type { BenchHub } from "../bench-hub.ts";
import { type Figure, figureAgainst } from "../figure.ts";
import type { Row } from "../row.ts";
import { subscribe } from "../seed.ts";

const bytes = 10_240;
const settings = {};
const resolutionMs = 1;
const longestMs = 30;
const mostCommits = 25;

export const loopDelay: Row = {
  name: "loop-delay",
  what: "full fan-out of 10 KB, signed: delay of the event loop that accepts requests, and flushes to disk",
  bar: { atMost: 1 },
  async run({ rounds, full, tell }) {
    await using bench = await openBench();
    const { publisher, sink } = bench;
    const open = (name: string, network: number, origins: number, perOrigin: number, afterMs?: number) =>
      openAudience(
        publisher,
        sink,
        { name, network, origins, behaviour: "answer", ...(afterMs && { afterMs }) },
        { perOrigin, bytes },
      );
    const audiences = {
      "40,000 at 4 origins that answer at once": await open("quick", 2, 4, full ? 50_000 : 10_000),
      "4,000 at 250 origins that answer after 100 ms": await open("slow", 3, 250, full ? 160 : 16, 100),
    };
    const database = await bench.seed(async (store) => {
      for (const { topic, callbacks } of Object.values(audiences)) await subscribe(store, topic, callbacks);
    });
    const measured: Record<string, Measured[]> = {};
    for (let round = 1; round <= rounds; round += 1) {
      tell(`round ${round} of ${rounds}`);
      await using hub = await bench.startHub(database, settings, { probe: true });
      for (const [name, audience] of Object.entries(audiences)) {
        (measured[name] ??= []).push(await measure(hub, audience));
      }
    }
    return { figures: Object.entries(measured).flatMap(([name, all]) => toFigures(name, all)), details: measured };
  },
};

function toFigures(name: string, measured: readonly Measured[]): readonly Figure[] {
  const each = (of: (one: Measured) => number) => measured.map(of);
  const p99 = each(({ usage }) => usage.loopDelayP99Ms);
  const longest = each(({ usage }) => usage.loopDelayMaxMs);
  const commits = each(({ usage, lastMs }) => (usage.store?.commits ?? Number.NaN) / (lastMs / 1000));
  return [
    figureAgainst(longestMs, `${name}: p99`, "ms", p99),
    figureAgainst(longestMs, `${name}: longest`, "ms", longest, { bar: undefined }),
    figureAgainst(mostCommits, `${name}: flushes`, "/s", commits),
  ];
}

type Measured = Awaited<ReturnType<typeof measure>>;

async function measure(hub: BenchHub, audience: Audience) {
  await hub.begin(resolutionMs);
  const lastMs = Math.max(...(await audience.publish(hub)));
  const usage = await hub.usage();
  return { lastMs, usage, progress: await hub.finished(audience.topic) };
}
