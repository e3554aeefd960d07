import { copyFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { openSqliteStore } from "../../../src/store/sqlite/sqlite-store.ts";
import { publish } from "../../conformance/support.ts";
import { type Bench, openBench } from "../bench.ts";
import { forkChild } from "../calls.ts";
import type { CutterCalls } from "../cutter-child.ts";
import { type Figure, figureOf } from "../figure.ts";
import { nowMs } from "../now-ms.ts";
import { type BenchDatabase, type BenchPostgres, migrationsFolder, openPostgres } from "../postgres.ts";
import type { Row } from "../row.ts";
import { subscribeBySql, subscribeInPostgres } from "../seed-by-sql.ts";

const subscribers = 200_000;
const origins = Array.from({ length: 200 }, (_, i) => `http://127.2.0.${i}:9000`);
const many = 8;
const sqliteMigrations = resolve(import.meta.dirname, "../../../src/store/sqlite/migrations");

/** Who cuts the same publication waits for each other, so one on its way is told apart from several. */
export const postgresClaims: Row = {
  name: "postgres-claims",
  what: "200,000 subscriptions read, cut into chunks, claimed and closed, with nothing sent: by 1, 2 and 4 processes on one PostgreSQL",
  bar: undefined,
  async run({ rounds, tell }) {
    await using bench = await openBench();
    await using postgres = await openPostgres();
    const file = await seedSqlite(bench);
    const one = await seedPostgres(postgres, 1);
    const several = await seedPostgres(postgres, many);
    const measureCopy = async (database: BenchDatabase, processes: number) => {
      await using copy = await postgres.copy(database);
      return await measure(copy.url, migrationsFolder, processes);
    };
    const measured: Round[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      tell(`round ${round} of ${rounds}`);
      const copy = bench.nextFile();
      await copyFile(file, copy);
      measured.push({
        sqlite: await measure(copy, sqliteMigrations, 1),
        alone: await measureCopy(one, 1),
        two: await measureCopy(one, 2),
        four: await measureCopy(one, 4),
        aloneOfMany: await measureCopy(several, 1),
        fourOfMany: await measureCopy(several, 4),
      });
    }
    return { figures: toFigures(measured), details: { version: postgres.version, measured } };
  },
};

type Round = Readonly<Record<"sqlite" | "alone" | "two" | "four" | "aloneOfMany" | "fourOfMany", number>>;

function toFigures(rounds: readonly Round[]): readonly Figure[] {
  const compare = (what: string, ours: keyof Round, reference: keyof Round) =>
    figureOf(
      what,
      "/s",
      rounds.map((round) => ({ ours: round[ours], reference: round[reference] })),
    );
  return [
    compare("one publication, 1 process, against SQLite", "alone", "sqlite"),
    compare("one publication, 2 processes, against 1", "two", "alone"),
    compare("one publication, 4 processes, against 1", "four", "alone"),
    compare(`${many} publications, 4 processes, against 1`, "fourOfMany", "aloneOfMany"),
  ];
}

/** Each topic has as many of the subscriptions. */
function seedPostgres(postgres: BenchPostgres, topics: number): Promise<BenchDatabase> {
  return postgres.seed(async (store, client) => {
    for (let i = 0; i < topics; i += 1) {
      const topic = `http://127.0.0.1:9000/${i}`;
      await subscribeInPostgres(client, topic, origins, subscribers / topics);
      await publish(store, topic, new Date());
    }
  });
}

async function seedSqlite(bench: Bench): Promise<string> {
  const topic = "http://127.0.0.1:9000/0";
  const file = await bench.seed(() => Promise.resolve());
  subscribeBySql(file, topic, origins, subscribers);
  await using store = openSqliteStore(file, sqliteMigrations);
  await publish(store, topic, new Date());
  return file;
}

/** Resolves to subscriptions per second. */
async function measure(database: string, migrations: string, processes: number): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const script = join(import.meta.dirname, "../cutter-child.ts");
  const children = Array.from({ length: processes }, () => stack.use(forkChild<CutterCalls>(script)));
  for (const child of children) await child.ask("open", { database, migrationsFolder: migrations });
  const startedMs = nowMs();
  const counts = await Promise.all(children.map((child) => child.ask("cut")));
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total !== subscribers) throw new Error(`${total} were cut, not ${subscribers}`);
  return (total * 1000) / (nowMs() - startedMs);
}
