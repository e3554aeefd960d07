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
const answerMs = 10;
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
    const late = await openLate(bench);
    const [every = "", latest = ""] = await Promise.all(
      (["every", "latest"] as const).map(async (policy) => {
        const file = await bench.seed(async (store) => {
          await subscribe(store, others.topic, others.callbacks);
          await subscribe(store, late.topic, [late.callback]);
        });
        missPublications(file, late.topic, policy, missed);
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
        figureOf(`every, each answered after ${answerMs} ms`, "ms", paces, { bar: { atMost: 2 } }),
        figureAgainst(1, "latest, deliveries", "", [sent], { bar: { atMost: 1 } }),
        ...compareLatencies("the others", pairsOf(measured, "others")),
      ],
      details: summarise(measured),
    };
  },
};

type Late = Awaited<ReturnType<typeof openLate>>;

async function openLate({ publisher, troubleSink }: Bench) {
  const name = "late";
  const group = { name, network: 4, origins: 1, behaviour: "answer", afterMs: answerMs } as const;
  const [origin = ""] = await troubleSink.ask("serve", group);
  return { name, topic: publisher.topic(name), callback: `${origin}/` };
}

/** How long each delivery takes, both sides. */
async function timeAll({ rounds, tell }: Knobs, bench: Bench, database: string, { name, callback }: Late) {
  const pairs: Pair<number>[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    tell(`catching up, round ${round} of ${rounds}`);
    const reference = await timeAlone(callback);
    await using hub = await bench.startHub(database);
    await hub.begin();
    pairs.push({ ours: await timeCatchUp(bench.troubleSink, name, round), reference });
  }
  return pairs;
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

/** Deliveries from a hub of which it is owed the newest alone. */
async function countSent(bench: Bench, database: string, { name }: Late): Promise<number> {
  const before = await bench.troubleSink.ask("total", name);
  await using hub = await bench.startHub(database);
  await bench.troubleSink.ask("arrived", { group: name, tag: `m${missed}`, count: 1 });
  await setTimeout(settledMs);
  await hub.usage();
  return (await bench.troubleSink.ask("total", name)) - before;
}
