import { setTimeout } from "node:timers/promises";

import type { Database } from "./database.ts";

const patienceMs = 40_000;
const betweenMs = 15;

const unsettled = `
  SELECT 'a fan-out' AS what FROM fan_outs WHERE NOT done
  UNION ALL SELECT 'a chunk' FROM chunks
  UNION ALL SELECT 'a subscription that is behind' FROM behind
  UNION ALL SELECT 'a fetch' FROM topics WHERE fetch_due_at IS NOT NULL
  UNION ALL SELECT 'a verification' FROM intents WHERE dropped_at IS NULL`;

/** Waits for the end of all work. Resolves to what is left all the same, in words. */
export async function untilSettled(database: Database): Promise<readonly string[]> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const left = await database.ask(unsettled);
    if (left.length === 0) return [];
    if (performance.now() > untilMs) return left.map(({ what }) => `${String(what)} is left`);
    await setTimeout(betweenMs);
  }
}

/** When leases end, by callback, in milliseconds. */
export async function readExpiries(database: Database): Promise<ReadonlyMap<string, number>> {
  const rows = await database.ask("SELECT callback, expires_at FROM subscriptions");
  return new Map(rows.map(({ callback, expires_at }) => [String(callback), Number(expires_at)]));
}
