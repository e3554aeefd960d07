import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";

import pg from "pg";

import { HubError } from "../../errors.ts";
import type { IsSameSecret } from "../../model/secret.ts";
import { Fault, tooManyWait, toHubError } from "./fault.ts";
import { applyMigrations, type Migrations } from "./migrations.ts";
import { type Listening, listenUntil } from "./listener.ts";
import { channelOf, nodeSetting } from "./news.ts";
import { enter } from "./presence.ts";
import { fillQuotas } from "./fill-quotas.ts";
import type { Session, Statement } from "./statement.ts";
import { parseColumns } from "./parse-columns.ts";
import { createSession, runTransaction, type Transaction } from "./transaction.ts";

export type PostgresOptions = Migrations & {
  /** Absent: `public`. It is made if it does not exist. */
  readonly schema?: string;
  /** Most connections at a time; who finds none free waits. */
  readonly connections?: number;
  /** How long a claim lasts unless it is renewed. */
  readonly leaseMs?: number;
  /** Absent: they are kept as they are. */
  readonly isSameSecret?: IsSameSecret;
  readonly leaseTime?: LeaseTime;
};

/** By what time leases are judged at some time. Absent: by that time. */
export type LeaseTime = (now: Date) => Date;

/** A bounded number of connections to the one database of all nodes. A statement outside a transaction stands for itself. */
export type Database = Session & {
  readonly leaseMs: number;

  readonly leaseTime: LeaseTime;

  /**
   * Runs `work` inside a transaction, and resolves once that is on disk. It runs again when the transaction was undone by
   * a deadlock, or when the connection broke before the commit was sent; never when the answer to that was lost, for it
   * may have been done. `work` must change nothing but what its session writes.
   */
  readonly transact: <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>;

  /** Has `close` wait for work that has not yet asked for a connection. */
  readonly track: (work: Promise<unknown>) => void;

  /** Calls `onNews` when another node has told something, and whenever the connection that hears it was made. */
  readonly listen: (onNews: () => void) => void;

  /** Ends the connections when nothing uses them any more. */
  readonly close: () => Promise<void>;
};

export const defaultLeaseMs = 30_000;
const mostTries = 5;
/** What comes in a hurry waits no longer for a connection. */
const connectMs = 5000;
/** Bounds the memory of what waits for a database that is slow: beyond, everybody is told to come again. */
const mostWaiting = 5000;
/** For statements under way at the end. What they were asked for may be done or not, as after a crash. */
const closeMs = 1000;

/** Opens the database, and creates or migrates its schema. Throws `store_unavailable`, and leaves nothing open, when it cannot be used. */
export async function openDatabase(url: string, options: PostgresOptions): Promise<Database> {
  const node = randomUUID();
  const config = toConfig(url, options, node);
  const pool = new pg.Pool(config);
  // A connection may break while nobody uses it, or between two statements: whoever asks it next is told.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  try {
    await applyMigrations(() => pool.connect(), options.schema ?? "public", options);
  } catch (cause) {
    await pool.end();
    throw cause instanceof HubError ? cause : toHubError(new Fault(cause));
  }
  const listening = { config, channel: channelOf(options.schema ?? "public"), node };
  const database = createDatabase(pool, options, listening);
  try {
    await fillQuotas(database);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

function createDatabase(
  pool: pg.Pool,
  { leaseMs = defaultLeaseMs, leaseTime = (now) => now }: PostgresOptions,
  listening: Omit<Listening, "onNews">,
): Database {
  const closing = new AbortController();
  const running = new Set<Promise<unknown>>();
  const track = (work: Promise<unknown>) => {
    const ended: Promise<unknown> = Promise.allSettled([work]).finally(() => running.delete(ended));
    running.add(ended);
  };
  const use = <T>(work: (client: pg.PoolClient) => Promise<T>, mayRerun: (fault: Fault) => boolean): Promise<T> => {
    const result = withRetries(pool, work, mayRerun);
    track(result);
    return result;
  };
  return {
    leaseMs,
    leaseTime,
    // Alone it is its own commit.
    all: (statement, ...values) => {
      const mayRerun = (fault: Fault) => isUndone(fault) || (fault.isBroken && isQuestion(statement));
      return use((client) => createSession(client).all(statement, ...values), mayRerun);
    },
    run: (statement, ...values) => use((client) => createSession(client).run(statement, ...values), isUndone),
    transact: (work) => {
      const transaction = { isCommitting: false };
      const mayRerun = (fault: Fault) => isUndone(fault) || (fault.isBroken && !transaction.isCommitting);
      return use((client) => runTransaction(client, work, transaction), mayRerun);
    },
    track,
    listen(onNews) {
      track(listenUntil(closing.signal, { ...listening, onNews }));
    },
    async close() {
      closing.abort();
      const ended = async () => {
        while (running.size > 0) await Promise.all(running);
        await pool.end();
      };
      await Promise.race([ended(), setTimeout(closeMs, undefined, { ref: false })]);
    },
  };
}

function isUndone(fault: Fault): boolean {
  return fault.isRerunnable;
}

/** It writes nothing. */
function isQuestion({ text }: Statement): boolean {
  return text.startsWith("SELECT");
}

async function withRetries<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  mayRerun: (fault: Fault) => boolean,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const client = await connect(pool);
    try {
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      client.release(error instanceof Fault && (error.isBroken || error.isReadOnly));
      if (!(error instanceof Fault) || tries === mostTries || !mayRerun(error)) throw toHubError(error);
    }
  }
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  if (pool.waitingCount >= mostWaiting) throw tooManyWait();
  try {
    return await pool.connect();
  } catch (cause) {
    throw toHubError(new Fault(cause));
  }
}

/**
 * A node that stops inside a transaction keeps its rows locked, and others pass over them: so that ends long before its
 * leases do. A plan that was made while a table was short is kept while it grows to a million rows: none may read a table
 * from end to end, or gather and sort what an index has in order.
 */
function toConfig(
  url: string,
  { schema = "public", connections = 10, leaseMs = defaultLeaseMs }: PostgresOptions,
  node: string,
) {
  const statementMs = Math.floor(leaseMs / 2);
  const settings = {
    search_path: `"${schema.replaceAll('"', '""')}"`,
    default_transaction_isolation: "read committed",
    enable_seqscan: "off",
    enable_bitmapscan: "off",
    jit: "off",
    [nodeSetting]: node,
  };
  return {
    connectionString: url,
    // Each connection says that the node is there, so one at least is kept; none is used before it has been let in.
    min: 1,
    max: connections,
    onConnect: enter,
    pipeline: true,
    keepAlive: true,
    connectionTimeoutMillis: connectMs,
    statement_timeout: statementMs,
    lock_timeout: Math.floor(leaseMs / 6),
    idle_in_transaction_session_timeout: Math.floor(leaseMs / 3),
    // The server is gone, or the way to it: it should have given up itself by then.
    query_timeout: statementMs + connectMs,
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value.replaceAll(/[\\ ]/g, "\\$&")}`)
      .join(" "),
    types: parseColumns,
  };
}
