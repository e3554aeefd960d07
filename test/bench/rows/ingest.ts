import { join } from "node:path";

import { openBench } from "../bench.ts";
import { type Child, forkChild } from "../calls.ts";
import { type Figure, figureAgainst, type Pair } from "../figure.ts";
import { compareCosts, type Cost, inRounds } from "../in-rounds.ts";
import type { Load, LoadCalls } from "../load-child.ts";
import { busyShare, type Use } from "../meter.ts";
import type { ParseOnlyCalls } from "../parse-only-child.ts";
import type { Row } from "../row.ts";
import { subscribe } from "../seed.ts";

const connections = 64;
const topics = Array.from({ length: 100 }, (_, i) => `http://127.0.0.1:9000/topics/${i}`);
const kinds = ["subscribe", "ping"] as const;
const settings = {};
const mostCommits = 0.2;

/** The hub accepts and does nothing else: what follows, a verification or a fetch, has rows of its own. */
export const ingest: Row = {
  name: "ingest",
  what: "durable subscribe or ping accepted, 64 connections: against a Hono handler that only parses the form",
  bar: { atLeast: 0.7 },
  async run(knobs) {
    await using bench = await openBench();
    const requests = knobs.full ? 100_000 : 15_000;
    const database = await bench.seed(async (store) => {
      for (const topic of topics) await subscribe(store, topic, [`http://127.0.0.1:9000/callbacks/of/${topic}`]);
    });
    await using hub = await bench.startHub(database, settings, { manual: true });
    await using parseOnly = forkChild<ParseOnlyCalls>(join(import.meta.dirname, "../parse-only-child.ts"));
    await using load = forkChild<LoadCalls>(join(import.meta.dirname, "../load-child.ts"));
    const parseOnlyServer: Server = {
      url: await parseOnly.ask("start"),
      begin: () => parseOnly.ask("begin"),
      usage: () => parseOnly.ask("usage"),
    };

    const askAll = async (server: Server) => {
      const costs: Partial<Record<Kind, Cost>> = {};
      for (const kind of kinds) costs[kind] = await measure(load, server, { kind, requests, connections, topics });
      return costs as Costs;
    };
    const measured = await inRounds(
      knobs,
      () => askAll(hub),
      () => askAll(parseOnlyServer),
    );
    await using probed = await bench.startHub(database, settings, { manual: true, probe: true });
    const commits: number[] = [];
    for (const kind of kinds) {
      await measure(load, probed, { kind, requests, connections, topics });
      commits.push(((await probed.usage()).store?.commits ?? Number.NaN) / requests);
    }
    return { figures: compare(measured, commits), details: { measured, commits } };
  },
};

type Server = { readonly url: string; begin(): Promise<void>; usage(): Promise<Use> };
type Kind = Load["kind"];
type Costs = Readonly<Record<Kind, Cost>>;

async function measure(load: Child<LoadCalls>, server: Server, task: Omit<Load, "url">): Promise<Cost> {
  await server.begin();
  await load.ask("run", { ...task, url: server.url });
  const loadUse = await load.ask("usage");
  const { cpuMs } = await server.usage();
  const each = (ms: number) => (ms * 1000) / task.requests;
  return { cpuUs: each(cpuMs), wallUs: each(loadUse.wallMs), otherEndShare: busyShare(loadUse) };
}

function compare(measured: readonly Pair<Costs>[], commits: readonly number[]): readonly Figure[] {
  return kinds.flatMap((kind, i) => {
    const costs = measured.map(({ ours, reference }) => ({ ours: ours[kind], reference: reference[kind] }));
    const flushes = [commits[i] ?? Number.NaN];
    return [
      ...compareCosts(kind, "the caller", costs),
      figureAgainst(mostCommits, `flushes per ${kind}`, "", flushes, { bar: { atMost: 1 } }),
    ];
  });
}
