import { rmSync } from "node:fs";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { openAudience, type Sink } from "./audience.ts";
import { type BenchHub, type Settings, startBenchHub, type StartOptions } from "./bench-hub.ts";
import { forkChild } from "./calls.ts";
import { type BenchPublisher, openPublisher } from "./publisher.ts";
import { subscribe } from "./seed.ts";
import type { SinkCalls } from "./sink-child.ts";

/** What a row works with. All of it is gone once disposed of. */
export type Bench = AsyncDisposable & {
  readonly publisher: BenchPublisher;
  /** For the subscribers that are looked at. */
  readonly sink: Sink;
  /** For those that make trouble: what they cost their own process is not what is measured. */
  readonly troubleSink: Sink;
  /** The name of a file that is not there. */
  nextFile(): string;
  /** A database as `fill` leaves it. Resolves to its file. */
  seed(fill: (store: Store) => Promise<void>): Promise<string>;
  /** A hub on a copy of a database, warmed up, with its measurement begun: so each starts from the same state. */
  startHub(database: string, settings?: Settings, options?: StartOptions): Promise<BenchHub>;
  /** Some publications to others, so that the hub is done with what went before; then its measurement begins. */
  warmUp(hub: BenchHub, publications: number): Promise<void>;
};

const migrations = resolve(import.meta.dirname, "../../src/store/sqlite/migrations");
/** Has the hub's code compiled. */
const startingWarmUps = 12;

export async function openBench(): Promise<Bench> {
  await using stack = new AsyncDisposableStack();
  const folder = await openFolder(stack);
  const publisher = stack.use(await openPublisher());
  const sink = stack.use(forkSink());
  const troubleSink = stack.use(forkSink());
  const warm = await openAudience(publisher, sink, { name: "warm-up", network: 1, origins: 200, behaviour: "answer" });
  let files = 0;
  const nextFile = () => join(folder, `${(files += 1)}.db`);
  const warmUp: Bench["warmUp"] = async (hub, publications) => {
    for (let left = publications; left > 0; left -= 1) {
      if (left % 2 === 0) await warm.drop(); // new connections and warm ones alike
      await warm.publish(hub);
    }
    await hub.begin();
  };
  const all = stack.move();

  return {
    publisher,
    sink,
    troubleSink,
    nextFile,
    async seed(fill) {
      const file = nextFile();
      await using store = openSqliteStore(file, migrations);
      await subscribe(store, warm.topic, warm.callbacks);
      await fill(store);
      return file;
    },
    async startHub(database, settings = {}, options = {}) {
      const file = nextFile();
      await copyFile(database, file);
      const hub = await startBenchHub(file, settings, options);
      await (options.manual ? hub.begin() : warmUp(hub, startingWarmUps));
      return hub;
    },
    warmUp,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

function forkSink(): Sink {
  return forkChild<SinkCalls>(join(import.meta.dirname, "sink-child.ts"));
}

/** Removed also when the bench is called off. */
async function openFolder(stack: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "carillon-bench-"));
  const removeNow = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  process.once("exit", removeNow);
  stack.defer(async () => {
    process.off("exit", removeNow);
    await rm(folder, { recursive: true });
  });
  return folder;
}
