import { type Session, sql } from "./statement.ts";

const end = sql(
  `WITH ended AS (DELETE FROM subscriptions WHERE id = ANY($1::bigint[]) RETURNING id, topic_id),
   counts AS (SELECT topic_id, count(*) AS ended FROM ended GROUP BY topic_id),
   counted AS (UPDATE topics t SET subscribers = subscribers - c.ended FROM counts c WHERE t.id = c.topic_id)
   SELECT id FROM ended`,
);

/** Ends subscriptions; what they were owed goes with them. Resolves to those that were there. */
export async function endSubscriptions(session: Session, ids: readonly number[]): Promise<readonly number[]> {
  if (ids.length === 0) return [];
  return (await session.all<{ readonly id: number }>(end, ids)).map(({ id }) => id);
}
