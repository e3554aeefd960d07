import { setTimeout } from "node:timers/promises";

import { type Audience, openAudience } from "../audience.ts";
import { openBench } from "../bench.ts";
import { build, type BuiltHub, startBuiltHub } from "../built-hub.ts";
import { figureOf, speedOf } from "../figure.ts";
import { inRounds } from "../in-rounds.ts";
import { type BenchPostgres, openPostgres } from "../postgres.ts";
import type { Row } from "../row.ts";
import { subscribe } from "../seed.ts";

const bytes = 10_240;
const origins = 4;
const perOrigin = 2500;
const deliveries = origins * perOrigin;
/** Publications in a round: processors are read to 10 ms. */
const publications = 3;
/** The last checkpoint is then written. */
const settleMs = 300;
const settings = { DELIVERY_THREADS: "0", HOST_CONCURRENCY: "16" };

/** Told, and held to nothing. */
export const postgresCost: Row = {
  name: "postgres-cost",
  what: "10 KB, signed, 10,000 subscribers at 4 origins that answer at once: one built hub on PostgreSQL against one on SQLite",
  bar: undefined,
  async run(knobs) {
    await using bench = await openBench();
    await using postgres = await openPostgres();
    await build();
    const group = { name: "quick", network: 2, origins, behaviour: "answer" } as const;
    const audience = await openAudience(bench.publisher, bench.sink, group, { perOrigin, bytes });
    const { topic, callbacks } = audience;
    const database = await postgres.seed((store) => subscribe(store, topic, callbacks));
    const file = await bench.seed((store) => subscribe(store, topic, callbacks));
    await using onPostgres = await startBuiltHub(database.url, settings);
    await using onSqlite = await startBuiltHub(file, settings);
    const measured = await inRounds(
      knobs,
      () => measure(onPostgres, audience, postgres),
      () => measure(onSqlite, audience, postgres),
    );
    const each = (of: (cost: Cost) => number) =>
      measured.map(({ ours, reference }) => ({ ours: of(ours), reference: of(reference) }));
    const beside = measured.map(({ ours }) => ({ ours: ours.serverUs, reference: ours.hubUs }));
    const figures = [
      speedOf(
        "CPU of the hub per delivery",
        "µs",
        each(({ hubUs }) => hubUs),
      ),
      speedOf(
        "time per delivery",
        "µs",
        each(({ wallUs }) => wallUs),
      ),
      figureOf("CPU of PostgreSQL per delivery, against the hub's", "µs", beside),
    ];
    return { figures, details: { version: postgres.version, measured } };
  },
};

type Cost = Awaited<ReturnType<typeof measure>>;

async function measure(hub: BuiltHub, audience: Audience, postgres: BenchPostgres) {
  const [hubMs, server] = [await hub.cpuMs(), await postgres.use()];
  let wallMs = 0;
  for (let i = 0; i < publications; i += 1) {
    wallMs += Math.max(...(await audience.publish(hub)));
    await setTimeout(settleMs);
  }
  const each = (ms: number) => (ms * 1000) / (publications * deliveries);
  const after = await postgres.use();
  return {
    hubUs: each((await hub.cpuMs()) - hubMs),
    serverUs: each(after.cpuMs - server.cpuMs),
    wallUs: each(wallMs),
    logBytes: (after.logBytes - server.logBytes) / (publications * deliveries),
    flushes: after.flushes - server.flushes,
  };
}
