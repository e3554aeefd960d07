import { join } from "node:path";

import { type Attacked, type Manner, manners } from "../../support/hostile-client.ts";
import { type Bench, openBench } from "../bench.ts";
import type { BenchHub } from "../bench-hub.ts";
import { type Child, forkChild } from "../calls.ts";
import { type Figure, type Pair, speedOf } from "../figure.ts";
import type { HostileCalls } from "../hostile-client-child.ts";
import { inRounds } from "../in-rounds.ts";
import type { LoadCalls } from "../load-child.ts";
import type { Row } from "../row.ts";

const hostileRequests = 10_000;
const connections = 64;
/** One for each connection, so that none comes near its limit. */
const others = Array.from({ length: connections }, (_, i) => `127.2.0.${i + 1}`);
const settings = { REQUESTS_PER_MINUTE: "600" };

/** What one request to subscribe cost the hub and those who asked, and how many hostile ones came meanwhile. */
type Cost = { readonly cpuUs: number; readonly wallUs: number; readonly hostile: Attacked | undefined };

/** As `ingest` has it, but with the limit that a hub has by itself. */
export const hostileClient: Row = {
  name: "hostile-client",
  what: "others' subscribes beside one client that sends 10,000 hostile requests over 64 connections: their speed, against it without",
  bar: { atLeast: 0.5 },
  async run(knobs) {
    await using bench = await openBench();
    await using load = forkChild<LoadCalls>(join(import.meta.dirname, "../load-child.ts"));
    await using hostile = forkChild<HostileCalls>(join(import.meta.dirname, "../hostile-client-child.ts"));
    const database = await bench.seed(async () => undefined);
    const requests = knobs.full ? 18_000 : 9000;
    const measured: Partial<Record<Manner, readonly Pair<Cost>[]>> = {};
    for (const manner of manners) {
      let clients = 0;
      const beside = () => {
        clients += 1;
        const from = `127.3.0.${clients}`; // with all of its minute's worth
        return measure({ bench, database, load, requests }, { hostile, manner, from });
      };
      measured[manner] = await inRounds(knobs, beside, () => measure({ bench, database, load, requests }));
    }
    return { figures: manners.flatMap((manner) => compare(manner, measured[manner] ?? [])), details: measured };
  },
};

type Scene = {
  readonly bench: Bench;
  readonly database: string;
  readonly load: Child<LoadCalls>;
  readonly requests: number;
};

type Trouble = { readonly hostile: Child<HostileCalls>; readonly manner: Manner; readonly from: string };

/** A hub of its own each time: the others have no more than their limit for it. */
async function measure({ bench, database, load, requests }: Scene, trouble?: Trouble): Promise<Cost> {
  await using hub = await bench.startHub(database, settings, { manual: true });
  const ask = (count: number) => subscribeAll(hub, load, count);
  await ask(Math.floor(requests / 3)); // has its code compiled
  await hub.begin();
  await trouble?.hostile.ask("begin", {
    url: hub.url,
    manner: trouble.manner,
    from: trouble.from,
    connections,
    requests: hostileRequests,
  });
  await ask(requests);
  const { cpuMs } = await hub.usage();
  const { wallMs } = await load.ask("usage");
  const hostile = await trouble?.hostile.ask("stop");
  return { cpuUs: (cpuMs * 1000) / requests, wallUs: (wallMs * 1000) / requests, hostile };
}

async function subscribeAll(hub: BenchHub, load: Child<LoadCalls>, requests: number): Promise<void> {
  const topics = ["http://127.0.0.1:9000/topic"];
  await load.ask("run", { url: hub.url, requests, connections, kind: "subscribe", topics, from: others });
}

function compare(manner: Manner, pairs: readonly Pair<Cost>[]): readonly Figure[] {
  const each = (of: (cost: Cost) => number) =>
    pairs.map(({ ours, reference }) => ({ ours: of(ours), reference: of(reference) }));
  const name = `per subscribe, beside one that ${manner}`;
  return [
    speedOf(
      `CPU ${name}`,
      "µs",
      each(({ cpuUs }) => cpuUs),
    ),
    speedOf(
      `time ${name}`,
      "µs",
      each(({ wallUs }) => wallUs),
    ),
  ];
}
