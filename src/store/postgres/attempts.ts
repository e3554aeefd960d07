import type { AttemptRecord } from "../../model/delivery.ts";
import type { AttemptStore } from "../attempt-store.ts";
import { type AttemptRow, toRecord } from "../rows/attempt-row.ts";
import type { Database } from "./database.ts";
import { type Session, sql } from "./statement.ts";
import { toText } from "./text-columns.ts";

const newest = sql("SELECT * FROM attempts WHERE topic_id = $1 ORDER BY id DESC LIMIT $2");
const trim = sql(
  `DELETE FROM attempts WHERE id = ANY(ARRAY(
     (SELECT id FROM attempts WHERE at < $1 LIMIT $3::bigint)
     UNION (SELECT id FROM attempts WHERE id <= (SELECT max(id) FROM attempts) - $2::bigint ORDER BY id LIMIT $3::bigint)
     LIMIT $3::bigint))`,
);
const insert = sql(
  `INSERT INTO attempts (at, topic_id, seq, subscription_id, count, attempt, outcome, status, reason, duration_ms)
   SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::int[], $7::text[],
                        $8::int[], $9::text[], $10::int[])`,
);

export function createAttempts(db: Database): AttemptStore {
  return {
    newest: async (topicId, limit) => (await db.all<AttemptRow>(newest, topicId, limit)).map(toRecord),
    trim: (before, keep, limit) => db.run(trim, before.getTime(), keep, limit),
  };
}

/** Adds records to the log, in the transaction that they tell of. */
export async function logAttempts(session: Session, records: readonly AttemptRecord[]): Promise<void> {
  if (records.length === 0) return;
  const column = <T>(of: (record: AttemptRecord) => T) => records.map(of);
  await session.run(
    insert,
    column(({ at }) => at.getTime()),
    column(({ topicId }) => topicId),
    column(({ seq }) => seq),
    column(({ subscriptionId }) => subscriptionId ?? null),
    column(({ count }) => count),
    column(({ attempt }) => attempt),
    column(({ outcome }) => outcome),
    column(({ status }) => status ?? null),
    column(({ reason }) => toText(reason)),
    column(({ durationMs }) => Math.round(durationMs)),
  );
}
