import { noQuota, type Quota } from "../rows/quota.ts";
import { type Session, sql } from "./statement.ts";

type QuotaRow = Quota & { readonly name: string };

const read = sql("SELECT name, pending, subscriptions FROM quotas WHERE name = ANY($1::text[])");
const write = sql(
  `INSERT INTO quotas (name, pending, subscriptions) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])
   ON CONFLICT (name) DO UPDATE SET pending = quotas.pending + excluded.pending,
     subscriptions = quotas.subscriptions + excluded.subscriptions
   RETURNING name, pending, subscriptions`,
);
const remove = sql("DELETE FROM quotas WHERE name = ANY($1::text[]) AND pending = 0 AND subscriptions = 0");

/** Counts as they were last committed, and as whoever asked changes them for itself. */
export type QuotaView = {
  readonly get: (name: string) => Quota;
  readonly add: (name: string, change: Partial<Quota>) => void;
};

/** Locks nothing: who else changes them at this moment is not seen. */
export async function readQuotas(session: Session, names: readonly string[]): Promise<QuotaView> {
  const rows = names.length === 0 ? [] : await session.all<QuotaRow>(read, [...new Set(names)]);
  const quotas = new Map<string, Quota>(rows.map((row) => [row.name, row]));
  const get = (name: string) => quotas.get(name) ?? noQuota;
  return { get, add: (name, change) => quotas.set(name, sum(get(name), change)) };
}

/** What one transaction changes of the counts. */
export function createQuotaChanges() {
  const changes = new Map<string, Quota>();

  return {
    add: (name: string, change: Partial<Quota>): void => {
      changes.set(name, sum(changes.get(name) ?? noQuota, change));
    },
    isEmpty: () => changes.size === 0,
    /** All at once, in one order, so that no two transactions wait for each other. */
    async write(session: Session): Promise<void> {
      const rows = [...changes].filter(([, quota]) => !isNothing(quota)).toSorted(([a], [b]) => (a < b ? -1 : 1));
      if (rows.length === 0) return;
      const written = await session.all<QuotaRow>(
        write,
        rows.map(([name]) => name),
        rows.map(([, { pending }]) => pending),
        rows.map(([, { subscriptions }]) => subscriptions),
      );
      const empty = written.filter(isNothing).map(({ name }) => name);
      if (empty.length > 0) await session.run(remove, empty);
    },
  };
}

function sum(quota: Quota, { pending = 0, subscriptions = 0 }: Partial<Quota>): Quota {
  return { pending: quota.pending + pending, subscriptions: quota.subscriptions + subscriptions };
}

function isNothing({ pending, subscriptions }: Quota): boolean {
  return pending === 0 && subscriptions === 0;
}
