import type SqliteDatabase from "better-sqlite3";

import { isUnavailable } from "../../errors.ts";
import type { Database } from "./database.ts";
import { isDamage, toHubError } from "./fault.ts";
import type { Quotas } from "./quotas.ts";

type Job = {
  readonly run: () => void;
  /** False: it is not through, and goes on in the next turn. */
  readonly settle: () => boolean;
  readonly fail: (error: unknown) => void;
  error: unknown;
  readonly synchronous: Synchronous;
};

type Counts = Pick<Quotas, "forget" | "write">;

export type GroupCommit = Pick<Database, "write" | "claim" | "claimUntil" | "read">;

/** FULL: it survives the loss of power, not only of the process. */
type Synchronous = "FULL" | "NORMAL";

/** What one commit takes: beyond it others get a turn in between. Thousands that come at once would else hold up everything. */
const mostJobs = 500;

/**
 * Gathers the writes of one turn of the event loop into one commit, so that a flush to disk serves them all. Once the file has
 * turned out to be damaged nothing is written to it any more, and all that is asked rejects with `store_unavailable`.
 */
export function createGroupCommit(connection: SqliteDatabase.Database, quotas: Counts): GroupCommit {
  const runAll = createRunAll(connection, quotas);
  const setSynchronous = createSetSynchronous(connection);
  const waiting: Job[] = [];
  const damage = watchForDamage();

  function commit(): void {
    const jobs = waiting.splice(0, mostJobs);
    if (waiting.length > 0) setImmediate(commit);
    try {
      damage.assertNone();
      setSynchronous(jobs.some((job) => job.synchronous === "FULL") ? "FULL" : "NORMAL");
      runAll(jobs);
    } catch (cause) {
      const error = damage.tell(cause);
      for (const job of jobs) job.fail(error);
      return;
    }
    for (const job of jobs) {
      if (job.error !== undefined) job.fail(job.error);
      else if (!job.settle()) add(job);
    }
  }

  function add(job: Job): void {
    if (waiting.length === 0) setImmediate(commit);
    waiting.push(job);
  }

  function enqueue<T, U extends T>(
    synchronous: Synchronous,
    work: () => T,
    isThrough: (value: T) => value is U,
  ): Promise<U> {
    return new Promise((resolve, fail) => {
      let value: T;
      const run = () => {
        value = assertSynchronous(work());
      };
      const settle = () => isThrough(value) && (resolve(value), true);
      add({ run, settle, fail, error: undefined, synchronous });
    });
  }

  return {
    write: (work) => enqueue("FULL", work, isAnything),
    claim: (work) => enqueue("NORMAL", work, isAnything),
    claimUntil: <T>(work: () => T | undefined) => enqueue("NORMAL", work, (value): value is T => value !== undefined),
    read: createRead(damage),
  };
}

function createRead(damage: ReturnType<typeof watchForDamage>): GroupCommit["read"] {
  return async (work) => {
    try {
      damage.assertNone();
      return work();
    } catch (cause) {
      throw damage.tell(cause);
    }
  };
}

/** Remembers that the file is damaged: each write to it could spoil more. */
function watchForDamage() {
  let found: Error | undefined;

  return {
    assertNone() {
      if (found !== undefined) throw found;
    },
    /** The error as whoever asked is told it. */
    tell(cause: unknown): unknown {
      if (cause instanceof Error && isDamage(cause)) found = cause;
      return toHubError(cause);
    },
  };
}

function isAnything<T>(_value: T): _value is T {
  return true;
}

/** Sets what the next transaction needs, where it is not so already. FULL is what the connection was opened with. */
function createSetSynchronous(connection: SqliteDatabase.Database): (synchronous: Synchronous) => void {
  let current: Synchronous = "FULL";
  return (synchronous) => {
    if (synchronous === current) return;
    connection.pragma(`synchronous = ${synchronous}`);
    current = synchronous;
  };
}

/** One transaction. Only where a job fails has each a savepoint of its own: that costs as much as a small write does. */
function createRunAll(connection: SqliteDatabase.Database, quotas: Counts): (jobs: readonly Job[]) => void {
  const together = connection.transaction((jobs: readonly Job[]) => {
    quotas.forget();
    for (const job of jobs) job.run();
    quotas.write();
  });
  const isolate = connection.transaction((run: () => void) => {
    quotas.forget();
    run();
    quotas.write();
  });
  const apart = connection.transaction((jobs: readonly Job[]) => {
    for (const job of jobs) runIsolated(job, isolate);
  });

  return (jobs) => {
    try {
      together.immediate(jobs);
    } catch (cause) {
      if (isUnavailable(toHubError(cause))) throw cause;
      apart.immediate(jobs);
    }
  };
}

/** A failure undoes the job's own savepoint only; one that ended the whole transaction is not to be gone on from. */
function runIsolated(job: Job, isolate: (run: () => void) => void): void {
  try {
    isolate(job.run);
  } catch (cause) {
    const error = toHubError(cause);
    if (isUnavailable(error)) throw cause;
    job.error = error;
  }
}

/** A promise would run on after the transaction, outside of it. */
function assertSynchronous<T>(value: T): T {
  if (value instanceof Promise) throw new TypeError("work inside a transaction must be synchronous");
  return value;
}
