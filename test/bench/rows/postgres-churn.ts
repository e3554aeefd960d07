import { setTimeout } from "node:timers/promises";

import { type Audience, callbacksAt, openAudience } from "../audience.ts";
import { openBench } from "../bench.ts";
import { build } from "../built-hub.ts";
import { type BuiltHubs, startBuiltHubs, useBetween } from "../built-hubs.ts";
import { type Figure, figureOf } from "../figure.ts";
import { nowMs } from "../now-ms.ts";
import { type BenchDatabase, openPostgres } from "../postgres.ts";
import { forgetStatements, longestStatements, readSizes, type TableSize } from "../postgres-tables.ts";
import type { Row } from "../row.ts";
import { subscribe } from "../seed.ts";

const living = 100;
const failing = 20;
const publications = 2000;
const processes = 2;
/** The server looks for dead rows as often as upkeep for what nobody is owed any more, so that a minute here is as several. */
const server = { autovacuum_naptime: "5s" };
const settleMs = 20_000;
/** What fails is tried again every second, and is handed every publication besides. */
const settings = { DELIVERY_THREADS: "0", RETRY_DELAYS_SECONDS: "1,1,1" };
const looked = ["behind", "chunks", "fan_outs", "publications", "attempts"] as const;

/** The log (`attempts`) and the figures of receipts (`fan_outs`) are kept for days; nothing else may grow with what was published. */
export const postgresChurn: Row = {
  name: "postgres-churn",
  what: "2,000 publications one after the other to 100 subscribers and 20 who always fail, then 2,000 more: what tables take up after both",
  bar: undefined,
  async run({ tell }) {
    await using bench = await openBench();
    await using postgres = await openPostgres({ watch: true, settings: server });
    await build();
    const audience = await openAudience(bench.publisher, bench.sink, {
      name: "living",
      network: 2,
      origins: living,
      behaviour: "answer",
    });
    const failed = await bench.troubleSink.ask("serve", {
      name: "failing",
      network: 3,
      origins: failing,
      behaviour: "fail",
    });
    await using database = await postgres.seed((store) =>
      subscribe(store, audience.topic, [...audience.callbacks, ...callbacksAt(failed)]),
    );
    await using hubs = await startBuiltHubs(postgres, database.url, processes, settings);
    await forgetStatements(database);
    tell(`${publications} publications`);
    const reference = await measure(hubs, audience, database);
    tell("as many again");
    const ours = await measure(hubs, audience, database);
    const details = { reference, ours, statements: await longestStatements(database) };
    const figures = looked.map((name) => sizeOf(name, ours.settled, reference.settled));
    return { figures, details };
  },
};

type Measured = Awaited<ReturnType<typeof measure>>;

async function measure(hubs: BuiltHubs, audience: Audience, database: BenchDatabase) {
  const before = await hubs.use();
  const startedMs = nowMs();
  for (let left = publications; left > 0; left -= 1) await audience.publish(hubs.first);
  const perSecond = (publications * 1000) / (nowMs() - startedMs);
  const used = useBetween(before, await hubs.use());
  const busy = await readSizes(database);
  await setTimeout(settleMs);
  return { perSecond, used, busy, settled: await readSizes(database) };
}

function sizeOf(name: string, ours: Measured["settled"], reference: Measured["settled"]): Figure {
  const mbOf = (sizes: readonly TableSize[]) => sizes.find((one) => one.name === name)?.mb ?? Number.NaN;
  return figureOf(name, "MB", [{ ours: mbOf(ours), reference: mbOf(reference) }]);
}
