import type { BehindStore } from "../behind-store.ts";
import { hastenedByCodes } from "../rows/hastened-by.ts";
import { claimables } from "./claimable.ts";
import { createClaimBehind } from "./claim-behind.ts";
import { createFreeLapsed } from "./claim-due.ts";
import type { Database } from "./database.ts";
import { gather } from "./gather.ts";
import { giveUpOld } from "./give-up.ts";
import { type Ended, settleCatchUps } from "./settle-catch-ups.ts";
import { sql } from "./statement.ts";

// Whoever is hastened once loses the mark, so that the index holds only those who may yet be.
const hasten = sql(
  `UPDATE behind SET due_at = least(due_at, $4::bigint), hastened_by = 0 WHERE subscription_id = ANY(ARRAY(
     SELECT subscription_id FROM behind WHERE origin = $1 AND owner IS NULL AND hastened_by > 0 AND hastened_by >= $2::int
      LIMIT $3 FOR UPDATE SKIP LOCKED))`,
);
const troubled = sql(
  `WITH RECURSIVE o AS (
     (SELECT origin FROM behind WHERE owner IS NULL AND hastened_by > 0 ORDER BY origin LIMIT 1) UNION ALL
     SELECT n.origin FROM o CROSS JOIN LATERAL (
       SELECT origin FROM behind b WHERE owner IS NULL AND hastened_by > 0 AND b.origin > o.origin ORDER BY origin LIMIT 1) n)
   SELECT origin FROM o`,
);
const removeSettled = sql(
  `DELETE FROM behind WHERE subscription_id = ANY(ARRAY(
     SELECT subscription_id FROM behind WHERE due_at <= $1 AND owner IS NULL AND next > newest
      LIMIT $2 FOR UPDATE SKIP LOCKED))`,
);

export function createBehind(db: Database): BehindStore {
  const freeLapsed = createFreeLapsed(db, claimables.behind);
  const settle = gather(db, (ended: readonly Ended[]) => db.transact((session) => settleCatchUps(session, ended)));

  return {
    ...createClaimBehind(db),
    settleCatchUp: (claim, outcome, record, now) => settle({ claim, outcome, record, now }),
    hasten: (origin, by, limit, now) => db.run(hasten, origin, hastenedByCodes[by], limit, now.getTime()),
    async listTroubled() {
      await freeLapsed();
      return (await db.all<{ readonly origin: string }>(troubled)).map(({ origin }) => origin);
    },
    async giveUpOld(before, limit, now) {
      await freeLapsed();
      return giveUpOld(db, before, limit, now);
    },
    removeSettled: (limit, now) => db.run(removeSettled, now.getTime(), limit),
  };
}
