import { readFile } from "node:fs/promises";

import { type HubProcess, type HubProcessOptions, startHubProcess } from "../support/hub-process.ts";
import { urlFor } from "./claims.ts";

/** One of several equal processes, known to subscribers by its URL. */
export type Member = {
  readonly name: string;
  readonly hub: HubProcess;
  state: "running" | "stopped" | "killed";
  /** When it was last let go on, by `performance.now()`. */
  resumedMs: number;
};

/** As impatient as a test has to be. */
const settings = {
  FETCH_MIN_INTERVAL_SECONDS: "0",
  RETRY_DELAYS_SECONDS: "1,2,3,5,10,20,30,60,60,60",
  LOG_LEVEL: "silent",
};

export class Crew {
  readonly members: readonly Member[];

  private constructor(members: readonly Member[]) {
    this.members = members;
  }

  static async start(databaseUrl: string, count: number, options: HubProcessOptions): Promise<Crew> {
    const names = Array.from({ length: count }, (_, i) => `node ${i + 1}`);
    const start = async (name: string): Promise<Member> => {
      const hub = await startHubProcess({ ...settings, DATABASE_URL: urlFor(databaseUrl, name) }, options);
      return { name, hub, state: "running", resumedMs: -Infinity };
    };
    return new Crew(await Promise.all(names.map(start)));
  }

  get running(): readonly Member[] {
    return this.members.filter(({ state }) => state === "running");
  }

  /** Who is known to subscribers by that URL. */
  find(url: string): Member | undefined {
    return this.members.find(({ hub }) => hub.url === url);
  }

  async kill(member: Member): Promise<void> {
    member.state = "killed";
    await member.hub.end("SIGKILL");
  }

  stop(member: Member): void {
    member.state = "stopped";
    member.hub.signal("SIGSTOP");
  }

  resume(member: Member): void {
    member.resumedMs = performance.now();
    member.state = "running";
    member.hub.signal("SIGCONT");
  }

  /** The most memory that each of those running has held, in MB. Empty where the system does not tell. */
  async peaksMb(): Promise<readonly number[]> {
    const read = async ({ hub }: Member) => {
      const status = await readFile(`/proc/${hub.pid}/status`, "utf8").catch(() => "");
      const [, kb] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
      return kb === undefined ? [] : [Math.round(Number(kb) / 1024)];
    };
    return (await Promise.all(this.running.map(read))).flat();
  }

  /** Ends those running as an operator does. Resolves with their exit codes. */
  end(): Promise<readonly (number | null)[]> {
    return Promise.all(this.running.map(({ hub }) => hub.end("SIGTERM")));
  }

  /** Whatever has happened, none of them is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map(({ hub }) => hub.end("SIGKILL")));
  }
}
