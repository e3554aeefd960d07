import { setTimeout } from "node:timers/promises";

import { openAudience, type Sink } from "../audience.ts";
import { type Bench, openBench } from "../bench.ts";
import { figureAgainst, figureOf, type Pair } from "../figure.ts";
import { compareLatencies, publishTimes, summarise } from "../latencies.ts";
import { missPublications } from "../missed.ts";
import { nowMs } from "../now-ms.ts";
import type { Knobs, Row } from "../row.ts";
import { subscribe } from "../seed.ts";
import { pairsOf, sideBySide } from "../side-by-side.ts";

const missed = 100_000;
const slices = 8;
const publications = 5;
/** Deliveries whose rate is taken, after the first hundred. */
const looked = 500;
const answersMs = [5, 20];
const settledMs = 2000;

/** It is back, and takes what it missed in order, one after the other. */
export const backlog: Row = {
  name: "backlog",
  what: "a subscriber that missed 100,000 publications: time for each, against the same POSTs one after the other; 100 others meanwhile",
  bar: { atMost: 1.1 },
  async run(knobs) {
    await using bench = await openBench();
    const group = { name: "others", network: 2, origins: 100, behaviour: "answer" } as const;
    const others = await openAudience(bench.publisher, bench.sink, group);
    knobs.tell("putting the backlogs into databases");
    const alone = await bench.seed((store) => subscribe(store, others.topic, others.callbacks));
    const late = await Promise.all(answersMs.map((afterMs) => openLate(bench, afterMs)));
    const [every = "", latest = ""] = await Promise.all(
      (["every", "latest"] as const).map(async (policy) => {
        const file = await bench.seed(async (store) => {
          await subscribe(store, others.topic, others.callbacks);
          for (const { topic, callback } of late) await subscribe(store, topic, [callback]);
        });
        for (const { topic } of late) missPublications(file, topic, policy, missed);
        return file;
      }),
    );
    const paces = await timeAll(knobs, bench, every, late);
    const measured = await sideBySide(knobs, bench, { alone, beside: every }, slices, async (hub) => ({
      others: await publishTimes(publications, others, hub),
    }));
    const sent = await countSent(bench, latest, late);
    return {
      figures: [
        ...paces.map((pairs, i) =>
          figureOf(`every, answered after ${answersMs[i]} ms`, "ms", pairs, { bar: { atMost: 2 } }),
        ),
        figureAgainst(1, "latest, deliveries", "", [sent], { bar: { atMost: 1 } }),
        ...compareLatencies("the others", pairsOf(measured, "others")),
      ],
      details: summarise(measured),
    };
  },
};

type Late = Awaited<ReturnType<typeof openLate>>;

async function openLate({ publisher, troubleSink }: Bench, afterMs: number) {
  const name = `late-${afterMs}`;
  const group = { name, network: 4 + afterMs, origins: 1, behaviour: "answer", afterMs } as const;
  const [origin = ""] = await troubleSink.ask("serve", group);
  return { name, topic: publisher.topic(name), callback: `${origin}/` };
}

/** How long each delivery takes to each of them, both sides. */
async function timeAll({ rounds, tell }: Knobs, bench: Bench, database: string, late: readonly Late[]) {
  const paces: readonly Pair<number>[][] = late.map(() => []);
  for (let round = 1; round <= rounds; round += 1) {
    tell(`catching up, round ${round} of ${rounds}`);
    const references: number[] = [];
    for (const { callback } of late) references.push(await timeAlone(callback));
    await using hub = await bench.startHub(database);
    await hub.begin();
    const ours = await Promise.all(late.map(({ name }) => timeCatchUp(bench.troubleSink, name, round)));
    for (const [i, pairs] of paces.entries()) pairs.push({ ours: ours[i] ?? NaN, reference: references[i] ?? NaN });
  }
  return paces;
}

async function timeAlone(url: string): Promise<number> {
  const post = async () => (await fetch(url, { method: "POST", body: `alone\n${".".repeat(500)}` })).arrayBuffer();
  for (let i = 0; i < 50; i += 1) await post();
  const begunMs = nowMs();
  for (let i = 0; i < looked / 5; i += 1) await post();
  return (nowMs() - begunMs) / (looked / 5);
}

/** Of the `round`-th hub: each begins anew. */
async function timeCatchUp(sink: Sink, group: string, round: number): Promise<number> {
  const at = async (seq: number) => (await sink.ask("arrived", { group, tag: `m${seq}`, count: round })).at(-1) ?? NaN;
  const [from, to] = [await at(100), await at(100 + looked)];
  const order = (await sink.ask("tags", group)).filter((tag) => tag.startsWith("m")).map((tag) => Number(tag.slice(1)));
  if (order.some((seq, i) => seq !== i + 1)) throw new Error("they came out of order");
  return (to - from) / looked;
}

/** Deliveries to each of them, from a hub of which they are owed the newest alone. */
async function countSent(bench: Bench, database: string, late: readonly Late[]): Promise<number> {
  const countAll = async () => {
    const totals = await Promise.all(late.map(({ name }) => bench.troubleSink.ask("total", name)));
    return totals.reduce((sum, total) => sum + total, 0) / late.length;
  };
  const before = await countAll();
  await using hub = await bench.startHub(database);
  for (const { name } of late) await bench.troubleSink.ask("arrived", { group: name, tag: `m${missed}`, count: 1 });
  await setTimeout(settledMs);
  await hub.usage();
  return (await countAll()) - before;
}
