import { copyFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";

import { type Audience, openAudience, type Sink } from "../audience.ts";
import { openBench } from "../bench.ts";
import { type BuiltHub, build, startBuiltHub } from "../built-hub.ts";
import { figureAgainst } from "../figure.ts";
import { busyShare } from "../meter.ts";
import type { Row } from "../row.ts";
import { subscribe } from "../seed.ts";

const bytes = 1_000_000;
const origins = 250;
/** Long enough for 1,000 to be in flight, which is what CARILLON_MAX_IN_FLIGHT is by default. */
const answerMs = 1000;
const settings = {};
const settleMs = 3000;
const mostMb = 200;

export const bigBody: Row = {
  name: "big-body",
  what: "1 MB to 10,000 subscribers (100,000 with --full) that answer after 1 s: memory of the built program above idle",
  bar: { atMost: 1 },
  async run({ full, tell }) {
    await using bench = await openBench();
    await build();
    const group = { name: "big", network: 2, origins, behaviour: "answer", afterMs: answerMs } as const;
    const perOrigin = (full ? 100_000 : 10_000) / origins;
    const audience = await openAudience(bench.publisher, bench.sink, group, { perOrigin, bytes });
    const fewer = audience.someOf(audience.callbacks.length / 5);
    const database = await bench.seed(async (store) => {
      for (const one of [audience, fewer]) await subscribe(store, one.topic, one.callbacks);
    });
    const measured = [];
    for (const one of [fewer, audience]) {
      tell(`${one.callbacks.length} subscribers`);
      const file = bench.nextFile();
      await copyFile(database, file);
      await using hub = await startBuiltHub(file, settings);
      measured.push(await measure(bench.sink, hub, one));
    }
    const figures = measured.map((one) =>
      figureAgainst(mostMb, `${one.subscribers} subscribers, most above idle`, "MB", [one.peakMb - one.idleMb]),
    );
    const inFlight = measured.map(({ mostOpen }) => mostOpen);
    const share = measured.map(({ sinkShare }) => sinkShare);
    return {
      figures: [
        ...figures,
        figureAgainst(1000, "most in flight", "", inFlight, { bar: undefined }),
        figureAgainst(100, "the sink's share of a processor", "%", share, { bar: undefined }),
      ],
      details: measured,
    };
  },
};

async function measure(sink: Sink, hub: BuiltHub, audience: Audience) {
  await setTimeout(settleMs);
  const { rssMb: idleMb } = await hub.memory();
  await hub.forgetPeak();
  await audience.peaks();
  await sink.ask("begin");
  const lastMs = Math.max(...(await audience.publish(hub)));
  const { peakMb } = await hub.memory();
  const mostOpen = (await audience.peaks()).length;
  const sinkShare = busyShare(await sink.ask("usage"));
  return { subscribers: audience.callbacks.length, idleMb, peakMb, mostOpen, lastMs, sinkShare };
}
