import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type HubProcess, startHubProcess } from "../support/hub-process.ts";
import { sendRaw } from "../support/raw-request.ts";

/** What the hub has told its operator about a topic. */
export type Told = Readonly<Record<string, unknown>>;

/** A hub that runs as it is built, in a process of its own, with peers on 127.0.0.1 and nowhere else. */
export type Scene = AsyncDisposable & {
  readonly hub: HubProcess;
  /** POSTs a form. Rejects unless it is accepted. */
  post(form: Readonly<Record<string, string>>): Promise<void>;
  /** The first line, past or future, that the hub logs as `message` about a topic. */
  told(topic: string, message: "verification" | "fetch"): Promise<Told>;
};

const settings = {
  LOG_LEVEL: "info",
  REQUESTS_PER_MINUTE: "600",
  ALLOW_CIDRS: "127.0.0.1/32",
  FETCH_MIN_INTERVAL_SECONDS: "0",
  RETRY_DELAYS_SECONDS: "1,60",
};

export async function openScene(): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), "carillon-hostile-"));
  const log = createLog();
  const database = `file:${join(folder, "carillon.db")}`;
  const hub = await startHubProcess({ ...settings, DATABASE_URL: database }, { onLog: (line) => log.take(line) });
  return {
    hub,
    told: log.told,
    async post(form) {
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const { status, body } = await sendRaw(hub.url, { headers, body: String(new URLSearchParams(form)) });
      if (status !== 202 && status !== 204) throw new Error(`${status}: ${body}`);
    },
    async [Symbol.asyncDispose]() {
      const code = await hub.end("SIGTERM");
      await rm(folder, { recursive: true });
      if (code !== 0) throw new Error(`the hub ended with ${code}`);
    },
  };
}

function createLog() {
  const lines = new Map<string, Told>();
  const waiting = new Map<string, (line: Told) => void>();
  return {
    take(text: string): void {
      const line = JSON.parse(text) as Told;
      const key = `${String(line["msg"])} ${String(line["topic"])}`;
      if (!lines.has(key)) lines.set(key, line);
      waiting.get(key)?.(line);
    },
    told: (topic: string, message: string): Promise<Told> =>
      new Promise((resolve) => {
        const key = `${message} ${topic}`;
        const line = lines.get(key);
        if (line === undefined) waiting.set(key, resolve);
        else resolve(line);
      }),
  };
}
