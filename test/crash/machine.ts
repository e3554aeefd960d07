import { setTimeout } from "node:timers/promises";

import { type HubProcess, spawnHubProcess, type StartingHub } from "../support/hub-process.ts";
import type { Database } from "./database.ts";
import type { Ledger } from "./ledger.ts";
import { hubUrl } from "./peers.ts";

export type MachineFigures = {
  kills: number;
  slowestStartMs: number;
  slowestEndMs: number;
};

/** P7: from a crash to its first answer, on a machine that has others to serve. */
const mostStartMs = 15_000;
/** Promise E. */
const mostEndMs = 10_000;

const settings = {
  PUBLIC_URL: hubUrl,
  TOPIC_POLICY: "advertised",
  FETCH_MIN_INTERVAL_SECONDS: "0",
  RETRY_DELAYS_SECONDS: "1,1,1,1,1,1,1,1",
  SECRET_KEY: "c4".repeat(32),
  LOG_LEVEL: "silent",
};

/** Where one hub after the other runs, and is killed. */
export class Machine implements AsyncDisposable {
  readonly figures: MachineFigures = { kills: 0, slowestStartMs: 0, slowestEndMs: 0 };
  readonly #database: Database;
  readonly #ledger: Ledger;
  readonly #threads: number;
  #hub: HubProcess | undefined;
  #isDown = true;
  #endedMs = 0;

  constructor(database: Database, ledger: Ledger, threads: number) {
    this.#database = database;
    this.#ledger = ledger;
    this.#threads = threads;
  }

  /** It was killed or told to end. */
  get isDown(): boolean {
    return this.#isDown;
  }

  get pid(): number {
    return this.#running.pid;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#running.port}/`;
  }

  async start(): Promise<void> {
    const startedMs = performance.now();
    this.#hub = await this.#spawn().up;
    this.#isDown = false;
    const tookMs = performance.now() - startedMs;
    this.figures.slowestStartMs = Math.max(this.figures.slowestStartMs, tookMs);
    if (tookMs > mostStartMs) this.#ledger.blame(`the hub was up after ${tookMs} ms`);
  }

  /** In this very turn. */
  readonly kill = (): void => {
    this.#isDown = true;
    this.#note();
    this.#running.signal("SIGKILL");
  };

  readonly end = (): void => {
    this.#isDown = true;
    this.#endedMs = performance.now();
    this.#running.signal("SIGTERM");
  };

  /** Of a hub that was killed, and of what stays of it in the database. */
  async gone(losesPower: boolean): Promise<void> {
    await this.#running.end("SIGKILL");
    this.#hub = undefined;
    await this.#check(losesPower);
  }

  /** Of a hub that was told to end: promise E. */
  async ended(): Promise<void> {
    const code = await this.#running.exit;
    const tookMs = performance.now() - this.#endedMs;
    this.figures.slowestEndMs = Math.max(this.figures.slowestEndMs, tookMs);
    if (code !== 0 || tookMs > mostEndMs) this.#ledger.blame(`SIGTERM: exit code ${code} after ${tookMs} ms`);
    this.#hub = undefined;
  }

  /** Starts a hub and kills it so much later, be it up or not. */
  async startInVain(afterMs: number, losesPower: boolean): Promise<void> {
    const hub = this.#spawn();
    hub.up.catch(() => undefined);
    await setTimeout(afterMs);
    this.#note();
    await hub.end("SIGKILL");
    await this.#check(losesPower);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hub?.end("SIGKILL");
  }

  get #running(): HubProcess {
    if (this.#hub === undefined) throw new Error("no hub runs");
    return this.#hub;
  }

  #spawn(): StartingHub {
    const own = { DATABASE_URL: this.#database.url, DELIVERY_THREADS: String(this.#threads) };
    return spawnHubProcess({ ...settings, ...own });
  }

  #note(): void {
    this.figures.kills += 1;
    this.#ledger.killedAtMs.push(performance.now());
  }

  async #check(losesPower: boolean): Promise<void> {
    for (const fault of await this.#database.afterKill(losesPower)) this.#ledger.blame(`the database: ${fault}`);
  }
}
