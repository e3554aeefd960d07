import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { FanOutProgress } from "../../../src/store/fan-out-store.ts";
import { type Audience, openAudience } from "../audience.ts";
import { type Bench, openBench } from "../bench.ts";
import type { BenchHub, Settings } from "../bench-hub.ts";
import { type Child, forkChild } from "../calls.ts";
import { createAuthority } from "../certificates.ts";
import { compareCosts, type Cost, inRounds } from "../in-rounds.ts";
import { busyShare, type Use } from "../meter.ts";
import type { ReferenceCalls } from "../reference-child.ts";
import type { Knobs, Measurement, Row } from "../row.ts";
import { subscribe } from "../seed.ts";

type Shape = {
  readonly origins: number;
  readonly perOrigin: number;
  readonly settings: Settings;
  /** Most connections of the reference to one origin. Absent: as undici has it. */
  readonly connections?: number;
  /** Each is new, and what it costs to end it is counted too. */
  readonly cold?: boolean;
  readonly tls?: boolean;
};

const bytes = 10_240;
/** What undici is best at. */
const inFlight = 64;
/** Opens the connections that are to be warm. */
const warming = 1000;

export const fanOutWarm: Row = {
  name: "fan-out-warm",
  what: "10 KB, signed, 10,000 subscribers at 4 origins, warm connections: against a bare undici loop that signs",
  bar: { atLeast: 0.9 },
  run: (knobs) =>
    run(knobs, {
      origins: 4,
      perOrigin: knobs.full ? 25_000 : 2500,
      settings: { HOST_CONCURRENCY: String(inFlight / 4) },
      connections: inFlight / 4,
    }),
};

export const fanOutCold: Row = {
  name: "fan-out-cold",
  what: "the same, 5,000 subscribers at an origin each, all connections new: against a bare undici loop at its defaults",
  bar: { atLeast: 1.2 },
  run: (knobs) => run(knobs, { origins: knobs.full ? 20_000 : 5000, perOrigin: 1, settings: {}, cold: true }),
};

export const fanOutTls: Row = {
  name: "fan-out-tls",
  what: "the same over TLS, 2,000 subscribers, certificates verified: against a bare undici loop at its defaults",
  bar: { atLeast: 1.2 },
  run: (knobs) =>
    run(knobs, { origins: knobs.full ? 10_000 : 2000, perOrigin: 1, settings: {}, cold: true, tls: true }),
};

async function run(knobs: Knobs, shape: Shape): Promise<Measurement> {
  await using bench = await openBench();
  const authority = shape.tls ? createAuthority() : undefined;
  const { origins, perOrigin, connections } = shape;
  const group = {
    name: "all",
    network: 2,
    origins,
    behaviour: "answer",
    ...(authority && { tls: authority }),
  } as const;
  const audience = await openAudience(bench.publisher, bench.sink, group, { perOrigin, bytes });
  const some = audience.someOf(warming);
  const database = await bench.seed(async (store) => {
    for (const one of [audience, some]) await subscribe(store, one.topic, one.callbacks);
  });
  const env = authority && (await trust(bench, authority.pem));
  // The reference is a loop on one thread. What delivery threads add to the cost, and take off the time, is told beside it.
  const startHub = (threads: number) =>
    bench.startHub(database, { ...shape.settings, DELIVERY_THREADS: `${threads}` }, { env });
  await using hub = await startHub(0);
  await using threaded = await startHub(1);
  await using reference = forkChild<ReferenceCalls>(join(import.meta.dirname, "../reference-child.ts"), { env });
  await reference.ask("prepare", { callbacks: audience.callbacks, bytes, inFlight, connections });

  const measured = await inRounds(
    knobs,
    async () => ({
      alone: await measureHub(bench, hub, audience, some, shape),
      threaded: await measureHub(bench, threaded, audience, some, shape),
    }),
    () => measureReference(bench, reference, audience, shape),
  );
  const pairs = (side: "alone" | "threaded") =>
    measured.map(({ ours, reference: theirs }) => ({ ours: ours[side], reference: theirs }));
  const withThread = compareCosts("delivery with a delivery thread", "the sink", pairs("threaded")).slice(0, 2);
  return {
    figures: [
      ...compareCosts("delivery", "the sink", pairs("alone")),
      ...withThread.map((figure) => ({ ...figure, bar: undefined })),
    ],
    details: measured,
  };
}

/** A file, for Node reads it when it starts: certificates added later are parsed anew for each connection. */
async function trust(bench: Bench, pem: string): Promise<NodeJS.ProcessEnv> {
  const file = bench.nextFile();
  await writeFile(file, pem);
  return { NODE_EXTRA_CA_CERTS: file };
}

type Measured = Cost & {
  readonly use: Use;
  /** What has become of them: the hub's word. */
  readonly progress?: FanOutProgress | undefined;
};

async function measureHub(
  { sink }: Bench,
  hub: BenchHub,
  audience: Audience,
  some: Audience,
  { cold }: Shape,
): Promise<Measured> {
  if (!cold) await some.publish(hub);
  await hub.finished(some.topic);
  await hub.begin();
  await sink.ask("begin");
  const wallMs = Math.max(...(await audience.publish(hub)));
  const otherEndShare = busyShare(await sink.ask("usage"));
  const progress = await hub.finished(audience.topic);
  if (cold) await sink.ask("closed", "all");
  return { ...toCost(await hub.usage(), audience.callbacks.length, wallMs, otherEndShare), progress };
}

async function measureReference(
  { sink }: Bench,
  reference: Child<ReferenceCalls>,
  { callbacks }: Audience,
  { cold }: Shape,
): Promise<Measured> {
  if (!cold) await reference.ask("send", warming);
  await reference.ask("begin");
  await sink.ask("begin");
  await reference.ask("send", callbacks.length);
  const { wallMs } = await reference.ask("usage");
  const otherEndShare = busyShare(await sink.ask("usage"));
  if (cold) await sink.ask("closed", "all");
  return toCost(await reference.ask("usage"), callbacks.length, wallMs, otherEndShare);
}

function toCost(use: Use, deliveries: number, wallMs: number, otherEndShare: number): Measured {
  return { cpuUs: (use.cpuMs * 1000) / deliveries, wallUs: (wallMs * 1000) / deliveries, otherEndShare, use };
}
