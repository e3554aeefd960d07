import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";

import { loadConfig } from "../../src/config.ts";
import { createHub, type Overrides } from "../../src/hub.ts";
import type { Store } from "../../src/store/store.ts";
import { noLimits } from "./no-limits.ts";
import { openTestDatabase, type TestDatabase } from "./test-database.ts";
import { TestClock } from "./test-clock.ts";

export type TestHub = AsyncDisposable & {
  readonly url: string;
  readonly adminPort: number;
  readonly clock: TestClock;
  readonly store: Store;
  /** The database file, where there is one. */
  readonly file: string;
  /** POSTs a form to the hub URL; a list of pairs where order or repetition matters. */
  post(form: Readonly<Record<string, string>> | [string, string][]): Promise<Response>;
  /** Subscribes and has it verified. */
  subscribe(topic: string, callback: string, more?: Readonly<Record<string, string>>): Promise<void>;
  /** Pings and delivers until nothing is due. */
  publish(...topics: string[]): Promise<void>;
  /** Steps the workers until nothing is due and nothing is in flight. */
  drain(): Promise<void>;
  /** Moves the clock, then drains. */
  pass(ms: number): Promise<void>;
  /** Ends the hub as SIGTERM does and opens it again on the same database, with these settings changed. */
  restart(settings?: TestHubOptions["settings"]): Promise<void>;
};

export type TestHubOptions = {
  readonly now?: Date;
  /** CARILLON_* without the prefix. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The workers run by themselves instead of by `drain`. */
  readonly running?: boolean;
  readonly mostPending?: number;
  /** On PostgreSQL, for several hubs to share. Absent: one of its own, a file unless CARILLON_TEST_STORE=postgres. */
  readonly database?: Pick<TestDatabase, "url">;
  /** Absent: the hub's own resolver (resolver.ts). */
  readonly resolve?: Overrides["resolve"];
  /** Absent: nothing is logged. */
  readonly log?: Overrides["log"];
};

const endLeases = ["topics", "intents", "chunks", "behind"]
  .map((table) => `UPDATE ${table} SET lease_until = '-infinity' WHERE lease_until IS NOT NULL`)
  .join(";");

/** What every hub under test seals secrets with, unless it is told otherwise. */
export const testSecretKey = "5e".repeat(32);

/** A whole hub: real app, real database, real loopback sockets, a clock the test holds. */
export async function openTestHub(options: TestHubOptions = {}): Promise<TestHub> {
  const folder = await mkdtemp(join(tmpdir(), "carillon-test-"));
  const clock = new TestClock(options.now ?? new Date("2026-01-01T00:00:00Z"));
  const { resolve, log, mostPending } = options;
  const overrides: Overrides = {
    clock,
    random: () => 0,
    manual: options.running !== true,
    ...(resolve === undefined ? {} : { resolve }),
    ...(mostPending === undefined ? {} : { mostPending }),
    ...(log === undefined ? {} : { log }),
  };
  const file = join(folder, "carillon.db");
  const own =
    options.database === undefined && env["CARILLON_TEST_STORE"] === "postgres" ? await openTestDatabase() : undefined;
  const url = (options.database ?? own)?.url ?? `file:${file}`;
  const configOf = (more?: TestHubOptions["settings"]) =>
    loadConfig(environment(url, { ...options.settings, ...more }), []);
  let hub = createHub(configOf(), overrides);
  await hub.start();

  const post: TestHub["post"] = (form) => {
    return fetch(`http://127.0.0.1:${hub.listening.port}/`, { method: "POST", body: new URLSearchParams(form) });
  };
  return {
    get url() {
      return hub.url;
    },
    get adminPort() {
      return hub.admin.port;
    },
    clock,
    file,
    get store() {
      return hub.store;
    },
    post,
    async subscribe(topic, callback, more = {}) {
      const response = await post({ "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback, ...more });
      if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
      await hub.drain();
    },
    async publish(...topics) {
      const response = await post([
        ["hub.mode", "publish"],
        ...topics.map((topic): [string, string] => ["hub.url", topic]),
      ]);
      if (response.status !== 204) throw new Error(`${response.status}: ${await response.text()}`);
      await hub.drain();
    },
    drain: () => hub.drain(),
    async pass(ms) {
      clock.advance(ms);
      await hub.drain();
    },
    async restart(settings) {
      await hub[Symbol.asyncDispose]();
      // What a test has claimed by hand is lost with the process.
      await own?.connection.query(endLeases);
      hub = createHub(configOf(settings), overrides);
      await hub.start();
    },
    async [Symbol.asyncDispose]() {
      await hub[Symbol.asyncDispose]();
      await own?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

function environment(url: string, settings: Readonly<Record<string, string>> = {}): Record<string, string> {
  const given = Object.fromEntries(Object.entries(settings).map(([name, value]) => [`CARILLON_${name}`, value]));
  return {
    CARILLON_PORT: "0",
    CARILLON_DATABASE_URL: url,
    // Not beside the sources, where there is no file to keep it with.
    ...(url.startsWith("file:") ? {} : { CARILLON_ADMIN_TOKEN: "t".repeat(32) }),
    CARILLON_ALLOW_CIDRS: "127.0.0.0/8",
    CARILLON_FETCH_MIN_INTERVAL_SECONDS: "0",
    CARILLON_LOG_LEVEL: "silent",
    CARILLON_SECRET_KEY: testSecretKey,
    CARILLON_DELIVERY_THREADS: env["CARILLON_TEST_DELIVERY_THREADS"] ?? "0",
    ...noLimits,
    ...given,
  };
}
