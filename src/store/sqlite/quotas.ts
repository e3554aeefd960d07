import type SqliteDatabase from "better-sqlite3";

import { hostOf } from "../../model/origin.ts";
import { hostQuota, noQuota, pendingQuotas, type Quota } from "../rows/quota.ts";

/**
 * The counts that caps are compared with, exact at every commit. A transaction reads a count when it is first asked for, changes
 * it in memory and writes it at its end: many requests of one client cost as much as one.
 */
export type Quotas = {
  /** As the transaction has it by now. */
  readonly get: (name: string) => Quota;
  /** Changes counts by so much. */
  readonly add: (name: string, change: Partial<Quota>) => void;
  /** Forgets what a transaction has changed: to be called when it begins. */
  readonly forget: () => void;
  /** Writes it: to be called when it ends. */
  readonly write: () => void;
};

export function createQuotas(connection: SqliteDatabase.Database): Quotas {
  const read = connection.prepare<[string], Quota>("SELECT pending, subscriptions FROM quotas WHERE name = ?");
  const keep = connection.prepare<[string, number, number]>(
    `INSERT INTO quotas (name, pending, subscriptions) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET pending = excluded.pending, subscriptions = excluded.subscriptions`,
  );
  const remove = connection.prepare<[string]>("DELETE FROM quotas WHERE name = ?");
  const known = new Map<string, Quota>();
  const changed = new Set<string>();

  function get(name: string): Quota {
    const found = known.get(name);
    if (found !== undefined) return found;
    const quota = read.get(name) ?? noQuota;
    known.set(name, quota);
    return quota;
  }

  function forget(): void {
    known.clear();
    changed.clear();
  }

  return {
    get,
    forget,
    add(name, { pending = 0, subscriptions = 0 }) {
      const before = get(name);
      const quota = { pending: before.pending + pending, subscriptions: before.subscriptions + subscriptions };
      known.set(name, quota);
      changed.add(name);
    },
    write() {
      for (const name of changed) {
        const { pending, subscriptions } = get(name);
        if (pending === 0 && subscriptions === 0) remove.run(name);
        else keep.run(name, pending, subscriptions);
      }
      forget();
    },
  };
}

/** Counts everything, where nothing has been counted yet. */
export function fillQuotas(connection: SqliteDatabase.Database, { add, write }: Quotas): void {
  if (connection.prepare("SELECT 1 FROM quotas LIMIT 1").get() !== undefined) return;
  const pending = connection.prepare<[], { readonly client: string; readonly callback: string }>(
    "SELECT client, callback FROM intents WHERE dropped_at IS NULL",
  );
  const subscriptions = connection.prepare<[], { readonly callback: string }>("SELECT callback FROM subscriptions");
  connection.transaction(() => {
    for (const { client, callback } of pending.iterate()) {
      for (const name of pendingQuotas({ client, callback })) add(name, { pending: 1 });
    }
    for (const { callback } of subscriptions.iterate()) add(hostQuota(hostOf(callback)), { subscriptions: 1 });
    write();
  })();
}
