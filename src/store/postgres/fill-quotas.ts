import { hostOf } from "../../model/origin.ts";
import { hostQuota, pendingQuotas } from "../rows/quota.ts";
import type { Database } from "./database.ts";
import { type Session, type Statement, sql } from "./statement.ts";

const isLacking = sql(
  `SELECT NOT EXISTS (SELECT 1 FROM quotas)
      AND (EXISTS (SELECT 1 FROM subscriptions) OR EXISTS (SELECT 1 FROM intents WHERE dropped_at IS NULL)) AS lacks`,
);
const stopOthers = sql("LOCK TABLE intents, subscriptions, quotas IN SHARE ROW EXCLUSIVE MODE");
const pageSize = 5000;
const pending = sql(
  `SELECT id, client, callback FROM intents WHERE id > $1 AND dropped_at IS NULL ORDER BY id LIMIT ${pageSize}`,
);
const subscriptions = sql(`SELECT id, callback FROM subscriptions WHERE id > $1 ORDER BY id LIMIT ${pageSize}`);

/** Counts everything, where nothing has been counted yet. Nobody else can add or end anything meanwhile. */
export async function fillQuotas(db: Pick<Database, "all" | "transact">): Promise<void> {
  if (!(await lacksQuotas(db))) return;
  await db.transact(async (transaction) => {
    await transaction.run(stopOthers);
    if (!(await lacksQuotas(transaction))) return;
    for await (const { client, callback } of readAll<{ readonly client: string }>(transaction, pending)) {
      for (const name of pendingQuotas({ client, callback })) transaction.count(name, { pending: 1 });
    }
    for await (const { callback } of readAll(transaction, subscriptions)) {
      transaction.count(hostQuota(hostOf(callback)), { subscriptions: 1 });
    }
  });
}

async function lacksQuotas(session: Pick<Session, "all">): Promise<boolean> {
  const [row] = await session.all<{ readonly lacks: boolean }>(isLacking);
  return row?.lacks === true;
}

type Counted = { readonly id: number; readonly callback: string };

async function* readAll<More>(session: Session, page: Statement): AsyncGenerator<Counted & More> {
  let last: number | undefined = 0;
  while (last !== undefined) {
    const rows: readonly (Counted & More)[] = await session.all(page, last);
    yield* rows;
    last = rows.at(-1)?.id;
  }
}
