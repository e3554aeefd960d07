import { setTimeout } from "node:timers/promises";

import pg from "pg";

import { HubError } from "../../errors.ts";

/** Names the lock in every database: any number that nobody else uses. */
const key = 0x6d6f7665;
/** A connection that has just been closed may not have been seen off yet. */
const mostTries = 20;
const betweenMs = 100;
const connectMs = 10_000;

/** Tells for as long as this connection lives that a hub uses the database. Throws while its data is being moved. */
export async function enter(client: pg.ClientBase): Promise<void> {
  if (!(await ask(client, "pg_try_advisory_lock_shared")))
    throw new Error("its data is being moved (carillon migrate-store)");
}

/**
 * Keeps hubs off the database until `letIn`, or until this connection ends. Resolves to false when one uses it; a lock that was
 * waited for would meanwhile keep its new connections out.
 */
export async function keepOut(client: pg.ClientBase): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    if (await ask(client, "pg_try_advisory_lock")) return true;
    if (tries === mostTries) return false;
    await setTimeout(betweenMs);
  }
}

/** Throws `store_unavailable` when a hub uses the database just now, or when it cannot be reached. */
export async function assertUnused(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectMs });
  try {
    await client.connect();
    if (!(await keepOut(client))) throw new Error("a hub uses it: stop all of them first");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HubError("store_unavailable", `the database cannot be used: ${reason}`, { cause });
  } finally {
    await client.end();
  }
}

/** Hubs may use it again at once. */
export async function letIn(client: pg.ClientBase): Promise<void> {
  await ask(client, "pg_advisory_unlock");
}

async function ask(client: pg.ClientBase, question: string): Promise<boolean> {
  const { rows } = await client.query<{ readonly yes: boolean }>(`SELECT ${question}(${key}) AS yes`);
  return rows[0]?.yes === true;
}
