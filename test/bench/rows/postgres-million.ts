import { type Audience, openAudience } from "../audience.ts";
import { type Bench, openBench } from "../bench.ts";
import { build } from "../built-hub.ts";
import { startBuiltHubs, useBetween } from "../built-hubs.ts";
import { figureOf } from "../figure.ts";
import { nowMs } from "../now-ms.ts";
import { type BenchDatabase, type BenchPostgres, openPostgres } from "../postgres.ts";
import { forgetStatements, longestStatements, readSizes, totalMb } from "../postgres-tables.ts";
import type { Row } from "../row.ts";
import { subscribeInPostgres } from "../seed-by-sql.ts";

const million = 1_000_000;
const bytes = 10_240;
const origins = 200;
const processes = 4;
/** Deliveries that are looked at in a round. */
const looked = 100_000;
const settings = { DELIVERY_THREADS: "0" };
/** What DESIGN 7 asks of SQLite, what several nodes should reach, and when a statement is ended. */
const [firstMs, perSecond, timeoutMs] = [50, 10_000, 15_000];

/** Each round is of new hubs on a new copy of the database, which end in the middle of it, but for the last one with `--full`. */
export const postgresMillion: Row = {
  name: "postgres-million",
  what: "10 KB, signed, to 1,000,000 subscriptions at 200 origins that answer at once: 4 built hubs and PostgreSQL on this machine",
  bar: undefined,
  async run({ rounds, full, tell }) {
    await using bench = await openBench();
    await using postgres = await openPostgres({ watch: true });
    await build();
    const group = { name: "all", network: 2, origins, behaviour: "answer" } as const;
    const audience = await openAudience(bench.publisher, bench.sink, group, { bytes });
    const addresses = audience.callbacks.map((callback) => new URL(callback).origin);
    tell("putting a million subscriptions into a database");
    const database = await postgres.seed((_store, client) =>
      subscribeInPostgres(client, audience.topic, addresses, million),
    );
    const measured: Measured[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      tell(`round ${round} of ${rounds}`);
      const count = full && round === rounds ? million : looked;
      measured.push(await measure({ bench, postgres, database, audience }, count));
    }
    const compare = (
      what: string,
      unit: string,
      ours: (one: Measured) => number,
      reference: (one: Measured) => number,
    ) =>
      figureOf(
        what,
        unit,
        measured.map((one) => ({ ours: ours(one), reference: reference(one) })),
      );
    const figures = [
      compare(
        "first delivery after the ping",
        "ms",
        (one) => one.firstMs,
        () => firstMs,
      ),
      compare(
        "deliveries",
        "/s",
        (one) => one.perSecond,
        () => perSecond,
      ),
      compare(
        "CPU of PostgreSQL per delivery, against the hubs'",
        "µs",
        (one) => one.postgresUs,
        (one) => one.hubsUs,
      ),
      compare(
        "write-ahead log per delivery, against the body",
        "bytes",
        (one) => one.logBytes,
        () => bytes,
      ),
      compare(
        "longest statement, waits for locks included",
        "ms",
        (one) => one.longestMs,
        () => timeoutMs,
      ),
      compare(
        "what the database grew by, against all of it",
        "MB",
        (one) => one.grownMb,
        (one) => one.seededMb,
      ),
    ];
    return { figures, details: { version: postgres.version, measured } };
  },
};

type Where = {
  readonly bench: Bench;
  readonly postgres: BenchPostgres;
  readonly database: BenchDatabase;
  readonly audience: Audience;
};
type Measured = Awaited<ReturnType<typeof measure>>;

async function measure({ bench, postgres, database, audience }: Where, count: number) {
  await using copy = await postgres.copy(database);
  const seeded = await readSizes(copy);
  await using hubs = await startBuiltHubs(postgres, copy.url, processes, settings);
  await forgetStatements(copy);
  const before = await hubs.use();
  const tag = bench.publisher.change(audience.topic);
  const startedMs = nowMs();
  const arrived = bench.sink.ask("arrived", { group: "all", tag, count });
  await hubs.first.post({ "hub.mode": "publish", "hub.url": audience.topic });
  const times = await arrived;
  const used = useBetween(before, await hubs.use());
  const sizes = await readSizes(copy);
  const statements = await longestStatements(copy);
  const [fanOut] = await copy.ask<{ behind: string }>("SELECT behind + handed_over AS behind FROM fan_outs");
  const seconds = ((times.at(-1) ?? Number.NaN) - startedMs) / 1000;
  return {
    firstMs: (times[0] ?? Number.NaN) - startedMs,
    longestMs: statements[0]?.longestMs ?? Number.NaN,
    perSecond: count / seconds,
    hubsUs: (used.hubsMs * 1000) / count,
    postgresUs: (used.cpuMs * 1000) / count,
    logBytes: used.logBytes / count,
    flushesPerSecond: used.flushes / seconds,
    seededMb: totalMb(seeded),
    grownMb: totalMb(sizes) - totalMb(seeded),
    behind: Number(fanOut?.behind),
    sizes,
    statements,
  };
}
