import { hostOf } from "../../model/origin.ts";
import { hostQuota } from "../rows/quota.ts";
import { sql } from "./statement.ts";
import type { Transaction } from "./transaction.ts";

const end = sql(
  `WITH ended AS (DELETE FROM subscriptions WHERE id = ANY($1::bigint[]) RETURNING id, topic_id, callback),
   counts AS (SELECT topic_id, count(*) AS ended FROM ended GROUP BY topic_id),
   counted AS (UPDATE topics t SET subscribers = subscribers - c.ended FROM counts c WHERE t.id = c.topic_id)
   SELECT id, callback FROM ended`,
);

/** Ends subscriptions; what they were owed goes with them. Resolves to those that were there. */
export async function endSubscriptions(transaction: Transaction, ids: readonly number[]): Promise<readonly number[]> {
  if (ids.length === 0) return [];
  const ended = await transaction.all<{ readonly id: number; readonly callback: string }>(end, ids);
  for (const { callback } of ended) transaction.count(hostQuota(hostOf(callback)), { subscriptions: -1 });
  return ended.map(({ id }) => id);
}
