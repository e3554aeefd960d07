import { Deadlines } from "../work/deadlines.ts";
import type { AnswerHead } from "./answer-head.ts";
import { type Connect, createConnector } from "./connector.ts";
import { failed, failureOf } from "./failure.ts";
import type { Resolve } from "./guarded-lookup.ts";
import { createOpenSockets, type OpenSockets } from "./open-sockets.ts";
import { overLimit, type PostAnswer, type Poster, type PostRequest, postWallClockMs } from "./outbound.ts";
import { parseTarget, type Target } from "./parse-target.ts";
import { PostLine } from "./post-line.ts";
import type { Reach } from "./reach.ts";

export type PosterOptions = Reach & {
  /** Absent: a resolver of its own (resolver.ts). */
  readonly resolve?: Resolve;
  /** Most connections to one origin (scheme, host, port); more than that wait, on their wall clocks. */
  readonly connectionsPerOrigin: number;
  /**
   * Most connections open at a time, idle ones included. From half of it on they are closed after their answer; at the limit a
   * POST that needs a new one fails as `exhausted`.
   */
  readonly maxSockets: number;
  /** Ends everything as disposing does. */
  readonly cut?: AbortSignal;
};

/** For what comes after the status line: as much as using the connection again is worth. */
const restMs = 1000;
/** Most servers close an idle connection after 5 s. */
const idleMs = 4000;

/**
 * POSTs over connections of its own, for what a delivery costs is spent here (decision 0009). Goes out by the same connector as all
 * else, so that what is dialled is judged alike.
 */
export function createPoster(options: PosterOptions): Poster {
  const { maxSockets, cut } = options;
  const closing = new AbortController();
  const sockets = createOpenSockets(maxSockets);
  const connect = createConnector({ ...options, sockets, signal: closing.signal });
  const pool = new PostPool(options, sockets, connect);
  const close = () => {
    pool.close();
    closing.abort();
  };
  if (cut?.aborted === true) close();
  else cut?.addEventListener("abort", close, { once: true });

  return {
    post: (request) => pool.post(request),
    async [Symbol.asyncDispose]() {
      cut?.removeEventListener("abort", close);
      close();
    },
  };
}

type Job = {
  readonly target: Target;
  /** Request line and fields. */
  readonly head: string;
  readonly body: Buffer;
  readonly resolve: (answer: PostAnswer) => void;
  /** The end of its wall clock, monotonic. */
  readonly untilMs: number;
  isOver: boolean;
  /** It was sent over a connection that had gone stale. */
  isAgain: boolean;
  line: PostLine | undefined;
};

/** What is open, and what waits for that, at one origin. */
type Origin = { open: number; readonly idle: PostLine[]; readonly waiting: Job[] };

const aborted = failed("aborted", "called off by the hub");

class PostPool {
  readonly #options: PosterOptions;
  readonly #sockets: OpenSockets;
  readonly #connect: Connect;
  readonly #origins = new Map<string, Origin>();
  readonly #jobs: Deadlines<Job>;
  readonly #rests: Deadlines<PostLine>;
  readonly #idles: Deadlines<PostLine>;
  /** Origins that left a connection free within the time for which one is kept. */
  readonly #lately: Deadlines<string>;
  readonly #lines = new Map<PostLine, { readonly origin: string; job: Job | undefined }>();
  #isClosed = false;

  constructor(options: PosterOptions, sockets: OpenSockets, connect: Connect) {
    this.#options = options;
    this.#sockets = sockets;
    this.#connect = connect;
    const { clock } = options;
    this.#jobs = new Deadlines(clock, postWallClockMs, (job) => this.#callOff(job, this.#overdue(job)));
    this.#rests = new Deadlines(clock, restMs, (line) => line.close());
    this.#idles = new Deadlines(clock, idleMs, (line) => line.close());
    this.#lately = new Deadlines(clock, idleMs, () => undefined);
  }

  post({ url, headers, body, elapsedMs = 0 }: PostRequest): Promise<PostAnswer> {
    if (this.#isClosed) return Promise.resolve(aborted);
    return new Promise((resolve) => {
      try {
        const target = parseTarget(url);
        const head = `POST ${target.path} HTTP/1.1\r\nhost: ${target.host}\r\n${headers}`;
        const untilMs = this.#options.clock.monotonicMs() + postWallClockMs - elapsedMs;
        const job: Job = { target, head, body, resolve, untilMs, isOver: false, isAgain: false, line: undefined };
        if (this.#isLate(job)) return this.#settle(job, this.#overdue(job));
        this.#jobs.add(job, elapsedMs);
        this.#assign(job);
      } catch (error) {
        resolve(failureOf(error));
      }
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const job of this.#jobs.items) this.#callOff(job, aborted);
    for (const line of this.#lines.keys()) line.close();
    for (const deadlines of [this.#jobs, this.#rests, this.#idles, this.#lately]) deadlines.clear();
  }

  #assign(job: Job): void {
    const at = this.#at(job.target.origin);
    const line = job.isAgain ? undefined : at.idle.pop();
    if (line !== undefined) this.#send(line, job);
    else if (at.open < this.#options.connectionsPerOrigin) this.#dial(job, at);
    else at.waiting.push(job);
  }

  #at(origin: string): Origin {
    const known = this.#origins.get(origin);
    if (known !== undefined) return known;
    const made: Origin = { open: 0, idle: [], waiting: [] };
    this.#origins.set(origin, made);
    return made;
  }

  #dial(job: Job, at: Origin): void {
    at.open += 1;
    const { origin } = job.target;
    this.#connect(job.target, (outcome) => {
      if (outcome instanceof Error) {
        this.#settle(job, failureOf(outcome));
        return this.#leave(origin);
      }
      const line = new PostLine(outcome, this);
      this.#lines.set(line, { origin, job: undefined });
      if (job.isOver) line.close();
      else this.#send(line, job);
    });
  }

  /** What waited while the process stood still is found here before its timer fires. */
  #send(line: PostLine, job: Job): void {
    if (this.#isLate(job)) {
      this.#settle(job, this.#overdue(job));
      return line.close();
    }
    this.#idles.delete(line);
    const at = this.#lines.get(line);
    if (at !== undefined) at.job = job;
    job.line = line;
    line.send(job.head, job.body, this.#sockets.isCrowded);
  }

  /** Nobody waits for the rest, unless connections are scarce: whoever sends more meanwhile would have more open than exchanges. */
  onHead(line: PostLine, head: AnswerHead): void {
    this.#rests.add(line);
    const job = this.#lines.get(line)?.job;
    if (job === undefined) return;
    if (line.isLast) this.#jobs.delete(job);
    else this.#settle(job, toAnswer(head));
  }

  onFree(line: PostLine): void {
    this.#rests.delete(line);
    const at = this.#lines.get(line);
    if (at === undefined) return;
    at.job = undefined;
    const isMetAgain = this.#lately.has(at.origin);
    this.#lately.add(at.origin);
    const { open, idle, waiting } = this.#at(at.origin);
    const next = nextWaiting(waiting);
    if (next !== undefined) return this.#send(line, next);
    // Policy: what is met once, and then for a while no more, gets no connection kept. Two that are open at a time are met again.
    if (!isMetAgain && open === 1) return line.close();
    idle.push(line);
    this.#idles.add(line);
  }

  onClosed(line: PostLine): void {
    this.#rests.delete(line);
    this.#idles.delete(line);
    const at = this.#lines.get(line);
    if (at === undefined) return;
    this.#lines.delete(line);
    const { idle } = this.#at(at.origin);
    const place = idle.indexOf(line);
    if (place !== -1) idle.splice(place, 1);
    const { job } = at;
    if (job !== undefined && !job.isOver) this.#conclude(line, job);
    this.#leave(at.origin);
  }

  /** The status line stands, whatever came of the rest. */
  #conclude(line: PostLine, job: Job): void {
    if (line.head !== undefined) return this.#settle(job, toAnswer(line.head));
    if (!line.isStale || job.isAgain) return this.#settle(job, line.failure);
    job.isAgain = true;
    this.#assign(job);
  }

  /** A connection less. */
  #leave(origin: string): void {
    const at = this.#at(origin);
    at.open -= 1;
    const next = nextWaiting(at.waiting);
    if (next !== undefined) this.#dial(next, at);
    else if (at.open === 0) this.#origins.delete(origin);
  }

  #isLate({ untilMs }: Job): boolean {
    return this.#options.clock.monotonicMs() >= untilMs;
  }

  #overdue({ untilMs }: Job): PostAnswer {
    return overLimit(`not done within ${postWallClockMs / 1000} s`, this.#options.clock.monotonicMs() - untilMs);
  }

  #callOff(job: Job, answer: PostAnswer): void {
    this.#settle(job, answer);
    job.line?.close();
  }

  #settle(job: Job, answer: PostAnswer): void {
    this.#jobs.delete(job);
    if (job.isOver) return;
    job.isOver = true;
    if (answer.kind === "failed" && this.#sockets.isCrowded) settleLater(job.resolve, answer);
    else job.resolve(answer);
  }
}

/** By then a socket that is destroyed now has closed and counts no more: whoever goes on with the next POST finds room for it. */
function settleLater(resolve: (answer: PostAnswer) => void, answer: PostAnswer): void {
  setImmediate(() => setImmediate(resolve, answer));
}

function nextWaiting(waiting: Job[]): Job | undefined {
  for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) if (!job.isOver) return job;
  return undefined;
}

function toAnswer({ status, fields }: AnswerHead): PostAnswer {
  return { kind: "answered", status, retryAfter: fields.get("retry-after") };
}
