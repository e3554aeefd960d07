import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { pino } from "pino";

import { type Config, loadConfig } from "../../src/config.ts";
import { createHubClock } from "../../src/hub-clock.ts";
import { createHubAddress } from "../../src/hub-address.ts";
import { createPost } from "../../src/distribute/post.ts";
import { Blocks } from "../../src/blocks.ts";
import { createRoom } from "../../src/room.ts";
import { createStages, type Stages } from "../../src/stages.ts";
import type { Log } from "../../src/log.ts";
import { createSecrets } from "../../src/secrets.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { finishWorkers, runWorkers } from "../../src/workers.ts";
import { noLimits } from "../support/no-limits.ts";
import { TestClock } from "../support/test-clock.ts";
import { clockOf, createGate, type Gate, rest } from "./gate.ts";
import type { Ledger } from "./ledger.ts";
import { observeStore } from "./observed-store.ts";
import type { Peers } from "./peers.ts";

const migrations = resolve(import.meta.dirname, "../../src/store/sqlite/migrations");
/** In memory where there is such a place: a crash of the process is what is tried here, not of the machine. */
const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

export type Limits = {
  readonly perOrigin: number;
  readonly total: number;
  readonly fetchMinIntervalSeconds: number;
  readonly delaysMs: readonly number[];
};

/** A database file as some process has left it, and when that was. */
export type Image = { readonly bytes: Buffer; readonly at: Date };

/** The whole pipeline on a database file, in one process after the other. */
export type Engine = AsyncDisposable & {
  readonly clock: TestClock;
  readonly hub: Stages["hub"];
  /** As the running process sees it. */
  readonly store: Store;
  /** The same without anybody's eyes. */
  readonly raw: Store;
  readonly rest: () => Promise<void>;
  /** Time passes, but not between an answer and its reading. */
  readonly pass: (ms: number) => Promise<void>;
  /** The store says so many times that it is unavailable (promise F). */
  outage(times: number): void;
  /** kill -9, after as many more answers of the store: the last one is written, but nobody learns of it. */
  crash(answers: number): Promise<void>;
  /** SIGTERM, and a new process. What is in flight `ms` later, after `meanwhile`, is cut short. */
  restart(ms: number, meanwhile?: () => void): Promise<void>;
  /** SIGTERM, and no new process: the store as the last one leaves it. */
  end(): Promise<Store>;
  /** What `end` leaves, closed. */
  close(): Promise<Image>;
};

type Life = {
  readonly gate: Gate;
  readonly file: string;
  readonly raw: Store;
  readonly store: Store;
  readonly hub: Stages["hub"];
  /** What is in flight `ms` later is cut short. */
  readonly finish: (ms: number, meanwhile: () => void) => Promise<void>;
};

/** `start`: what the first process finds. */
export async function openEngine(ledger: Ledger, peers: Peers, limits: Limits, start: Image): Promise<Engine> {
  const folder = mkdtempSync(join(parent, "carillon-model-"));
  const clock = new TestClock(start.at);
  const pulse = { count: 0 };
  const log: Log = pino({ level: "error" }, { write: tell });
  const parts = { ledger, peers, config: configOf(limits), clock, log };
  const fileOf = (life: number) => join(folder, `${life}.db`);
  writeFileSync(fileOf(0), start.bytes);
  let lives = 1;
  let life = await begin(fileOf(0), createGate(pulse), parts);
  let isOpen = true;

  return {
    clock,
    get hub() {
      return life.hub;
    },
    get store() {
      return life.store;
    },
    get raw() {
      return life.raw;
    },
    rest: () => rest(pulse),
    pass,
    outage(times) {
      life.gate.outages = times;
    },
    async crash(answers) {
      const { gate, file, raw } = life;
      gate.answersLeft = answers;
      if (answers > 0) await rest(pulse, () => gate.isShut);
      gate.isShut = true;
      await setImmediate(); // everybody has heard of what was committed
      for (const end of ["", "-wal"]) copyFileSync(`${file}${end}`, `${fileOf(lives)}${end}`);
      gate.isForgotten = true;
      ledger.voidClaims("crash");
      life = await begin(fileOf(lives), createGate(pulse), parts);
      lives += 1;
      await raw[Symbol.asyncDispose]();
    },
    async restart(ms, meanwhile) {
      await stop(ms, meanwhile);
      await shut();
      life = await begin(life.file, createGate(pulse), parts);
      isOpen = true;
    },
    async end() {
      await stop(0);
      return life.raw;
    },
    async close() {
      await stop(0);
      await shut();
      return { bytes: readFileSync(life.file), at: clock.now() };
    },
    async [Symbol.asyncDispose]() {
      life.gate.isShut = true;
      if (isOpen) await shut();
      rmSync(folder, { recursive: true });
    },
  };

  function tell(line: string): void {
    if (!line.includes('"code":"store_unavailable"')) ledger.faults.push(line);
  }

  async function pass(ms: number): Promise<void> {
    await setImmediate();
    clock.advance(ms);
  }

  async function stop(ms: number, meanwhile: () => void = () => {}): Promise<void> {
    const { finish, gate } = life;
    gate.outages = 0;
    await pass(1000);
    await rest(pulse);
    await finish(ms, meanwhile);
    gate.isShut = true;
    gate.isForgotten = true;
    ledger.voidClaims("graceful");
  }

  async function shut(): Promise<void> {
    isOpen = false;
    await life.raw[Symbol.asyncDispose]();
  }
}

const headers = {
  hubUrl: "http://hub.example/",
  ourUrls: ["http://hub.example/"],
  userAgent: "",
  signatures: { fallback: "sha256", byHost: [] },
} as const;

const secrets = createSecrets([]);

type Parts = {
  readonly ledger: Ledger;
  readonly peers: Peers;
  readonly config: Config;
  readonly clock: TestClock;
  readonly log: Log;
};

async function begin(file: string, gate: Gate, { ledger, peers, config, clock: world, log }: Parts): Promise<Life> {
  // It does not resume: what a process that died lived through is known here, and leases end with it.
  const clock = createHubClock(clockOf(gate, world), config, log);
  const raw = openSqliteStore(file, migrations);
  const knownHosts = { shut: await raw.hosts.listShut(), troubled: await raw.behind.listTroubled() };
  const store = observeStore(raw, gate, ledger, clock);
  const stopping = new AbortController();
  const cut = new AbortController();
  const outbound = peers.outboundOf(gate);
  const stages = createStages({
    config,
    clock,
    log,
    random: () => 0,
    store,
    outbound,
    post: createPost(peers.posterOf(gate, clock, cut.signal), headers, secrets.open),
    address: createHubAddress("http://hub.example/", [{ host: "127.0.0.1", port: 8080 }]),
    knownHosts,
    blocks: new Blocks(),
    room: createRoom(store, { maxBytes: undefined, mostPending: 100_000 }),
    signals: { stopping: stopping.signal, cut: cut.signal },
  });
  const working = runWorkers(stages.workers, clock, log, stopping.signal);
  return {
    gate,
    file,
    raw,
    store,
    hub: stages.hub,
    async finish(ms, meanwhile) {
      let isEnded = false;
      const finished = async () => {
        await working;
        await finishWorkers(stages.workers);
        isEnded = true;
      };
      const restUntilEnd = () => rest(gate.pulse, () => isEnded);
      gate.isStopping = true;
      stopping.abort();
      const finishing = finished();
      await restUntilEnd();
      if (!isEnded) world.advance(ms);
      await restUntilEnd();
      meanwhile();
      await restUntilEnd();
      if (!isEnded) cut.abort();
      await restUntilEnd();
      ledger.insist(isEnded, "SIGTERM: work goes on after everything was cut short (promise E)");
      if (isEnded) await finishing;
    },
  };
}

function configOf({ perOrigin, total, fetchMinIntervalSeconds, delaysMs }: Limits): Config {
  const settings = {
    CARILLON_RETRY_DELAYS_SECONDS: delaysMs.map((ms) => ms / 1000).join(","),
    CARILLON_HOST_CONCURRENCY: `${perOrigin}`,
    CARILLON_MAX_IN_FLIGHT: `${total}`,
    CARILLON_FETCH_MIN_INTERVAL_SECONDS: `${fetchMinIntervalSeconds}`,
    ...noLimits,
  };
  return loadConfig(settings, []);
}

/** Nobody has subscribed to anything. */
export async function createEmpty(): Promise<Image> {
  const folder = mkdtempSync(join(parent, "carillon-model-"));
  const file = join(folder, "empty.db");
  await openSqliteStore(file, migrations)[Symbol.asyncDispose]();
  const bytes = readFileSync(file);
  rmSync(folder, { recursive: true });
  return { bytes, at: new Date("2026-01-01T00:00:00Z") };
}
