import { type Audience, openAudience } from "../audience.ts";
import { type Bench, openBench } from "../bench.ts";
import { build } from "../built-hub.ts";
import { startBuiltHubs, useBetween } from "../built-hubs.ts";
import { type Figure, figureOf } from "../figure.ts";
import { busyShare } from "../meter.ts";
import { type BenchDatabase, type BenchPostgres, openPostgres } from "../postgres.ts";
import type { Row } from "../row.ts";
import { subscribeInPostgres } from "../seed-by-sql.ts";

const bytes = 10_240;
const origins = 200;
const subscribers = 60_000;
const answerMs = 100;
const inFlight = 50;
/** What one process delivers per second where nothing but waiting takes time. */
const ideal = (inFlight * 1000) / answerMs;
/** Left out: connections are made, and code is compiled. */
const skippedSeconds = 2;
const lookedSeconds = 6;
/** Who runs several processes on a machine gives each of them a processor, and no threads besides. */
const settings = { MAX_IN_FLIGHT: String(inFlight), DELIVERY_THREADS: "0" };

/** Each measurement is of new processes on a new copy of the database, and ends in the middle of the fan-out. */
export const postgresNodes: Row = {
  name: "postgres-nodes",
  what: "1, 2 and 4 built hubs on one PostgreSQL, 10 KB to subscribers that answer after 100 ms, 50 in flight each: waiting is the limit, not the processors",
  bar: undefined,
  async run({ rounds, tell }) {
    await using bench = await openBench();
    await using postgres = await openPostgres();
    await build();
    const group = { name: "slow", network: 2, origins, behaviour: "answer", afterMs: answerMs } as const;
    const audience = await openAudience(bench.publisher, bench.sink, group, { bytes });
    const addresses = audience.callbacks.map((callback) => new URL(callback).origin);
    const database = await postgres.seed((_store, client) =>
      subscribeInPostgres(client, audience.topic, addresses, subscribers),
    );
    const measureSome = (hubs: number) => measure({ bench, postgres, database, audience }, hubs);
    const measured: Round[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      tell(`round ${round} of ${rounds}`);
      measured.push({ one: await measureSome(1), two: await measureSome(2), four: await measureSome(4) });
    }
    return { figures: toFigures(measured), details: { version: postgres.version, ideal, measured } };
  },
};

type Where = {
  readonly bench: Bench;
  readonly postgres: BenchPostgres;
  readonly database: BenchDatabase;
  readonly audience: Audience;
};
type Measured = Awaited<ReturnType<typeof measure>>;
type Round = Readonly<Record<"one" | "two" | "four", Measured>>;

async function measure({ bench, postgres, database, audience }: Where, count: number) {
  await using copy = await postgres.copy(database);
  await using hubs = await startBuiltHubs(postgres, copy.url, count, settings);
  await audience.peaks();
  await bench.sink.ask("begin");
  const before = await hubs.use();
  const times = await audience.publishTo(hubs.first, ideal * count * (skippedSeconds + lookedSeconds));
  const used = useBetween(before, await hubs.use());
  const [progress] = await copy.ask<{ behind: string }>(
    "SELECT sum(behind) + sum(handed_over) AS behind FROM fan_outs",
  );
  return {
    perSecond: rateOf(times, ideal * count * skippedSeconds),
    mostOpen: (await audience.peaks()).length,
    hubsShare: (100 * used.hubsMs) / used.atMs,
    postgresShare: (100 * used.cpuMs) / used.atMs,
    sinkShare: busyShare(await bench.sink.ask("usage")),
    logBytesPerDelivery: used.logBytes / times.length,
    flushesPerSecond: (used.flushes * 1000) / used.atMs,
    /** They would have places of their own besides. */
    behind: Number(progress?.behind),
  };
}

/** Of all but the first. */
function rateOf(times: readonly number[], skipped: number): number {
  const [from = Number.NaN, to = Number.NaN] = [times[skipped], times.at(-1)];
  return ((times.length - 1 - skipped) * 1000) / (to - from);
}

function toFigures(rounds: readonly Round[]): readonly Figure[] {
  const compare = (what: string, unit: string, of: (one: Measured) => number, size: "two" | "four", bar?: number) => {
    const pairs = rounds.map((round) => ({ ours: of(round[size]), reference: of(round.one) }));
    return figureOf(`${what}, ${size === "two" ? 2 : 4} processes`, unit, pairs, {
      bar: bar === undefined ? undefined : { atLeast: bar },
    });
  };
  return [
    compare("deliveries", "/s", ({ perSecond }) => perSecond, "two", 1.9),
    compare("deliveries", "/s", ({ perSecond }) => perSecond, "four", 3.6),
    compare("most requests open", "", ({ mostOpen }) => mostOpen, "four"),
    compare("the hubs' share of a processor", "%", ({ hubsShare }) => hubsShare, "four"),
    compare("PostgreSQL's share of a processor", "%", ({ postgresShare }) => postgresShare, "four"),
  ];
}
