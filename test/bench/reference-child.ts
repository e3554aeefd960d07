import { createHmac } from "node:crypto";

import { Agent, type Dispatcher } from "undici";

import { answerCalls } from "./calls.ts";
import { createMeter } from "./meter.ts";
import { contentOf } from "./publisher.ts";
import { secretOf } from "./seed.ts";

/** What a program would do that knows its subscribers and forgets them: nothing is stored, judged, paced or tried again. */
export type Task = {
  readonly callbacks: readonly string[];
  readonly bytes: number;
  /** Deliveries under way at a time. */
  readonly inFlight: number;
  /** To one origin. Absent: as undici has it. */
  readonly connections: number | undefined;
};

type Target = { readonly origin: string; readonly path: string; readonly secret: string };

const meter = createMeter();
let agent = new Agent();
let targets: readonly Target[] = [];
let body = Buffer.alloc(0);
let inFlight = 1;

const calls = {
  prepare(task: Task): void {
    agent = task.connections === undefined ? new Agent() : new Agent({ connections: task.connections });
    body = Buffer.from(contentOf("reference", task.bytes));
    inFlight = task.inFlight;
    targets = task.callbacks.map((callback) => {
      const { origin, pathname } = new URL(callback);
      return { origin, path: pathname, secret: secretOf(callback) };
    });
  },

  /** One delivery to each of the first `count` targets. Rejects at the first that fails. */
  async send(count: number): Promise<void> {
    const queue = targets.slice(0, count).values();
    const work = async () => {
      for (const target of queue) await deliver(target);
    };
    await Promise.all(Array.from({ length: inFlight }, work));
  },

  begin: () => meter.begin(),
  usage: () => meter.read(),
};

export type ReferenceCalls = typeof calls;

answerCalls(calls);

function deliver({ origin, path, secret }: Target): Promise<void> {
  const signature = createHmac("sha256", secret).update(body).digest("hex");
  const headers = [...sameHeaders, "x-hub-signature", `sha256=${signature}`];
  return new Promise((resolve, reject) => {
    agent.dispatch({ origin, path, method: "POST", headers, body }, new Answer(resolve, reject));
  });
}

/** As many as the hub sends, and about as long. */
const sameHeaders = Object.entries({
  "content-type": "text/plain",
  link: '<http://127.0.0.1:40000/topic>; rel="self", <http://localhost:40001/>; rel="hub"',
  "user-agent": "Carillon/0.1.0 (+http://localhost:40001/)",
  "webhook-id": "abcdefghijklmnopqrstuvwxyz0",
  "webhook-timestamp": "1700000000",
  "carillon-attempt": "1",
}).flat();

class Answer implements Dispatcher.DispatchHandler {
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;

  constructor(resolve: () => void, reject: (error: Error) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: unknown, status: number): void {
    if (status !== 204) this.#reject(new Error(`the sink answered ${status}`));
  }

  onResponseData(): void {}

  onResponseEnd(): void {
    this.#resolve();
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#reject(error);
  }
}
