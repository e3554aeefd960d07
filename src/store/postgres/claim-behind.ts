import { randomUUID } from "node:crypto";

import type { CatchUpClaim } from "../../model/delivery.ts";
import { originOf } from "../../model/origin.ts";
import type { BehindStore } from "../behind-store.ts";
import { claimables } from "./claimable.ts";
import { createClaimDue, createFreeLapsed } from "./claim-due.ts";
import type { Database } from "./database.ts";
import { firstOwed } from "./first-owed.ts";
import { leaseFrom } from "./lease.ts";
import { readRecipient, type StoredRecipient } from "./recipients.ts";
import { sql } from "./statement.ts";

type ClaimedRow = {
  readonly subscription_id: number;
  readonly topic_id: number;
  readonly next: number;
  readonly attempts: number;
  readonly retry_at: number;
};

const { waits, may } = claimables.behind;

const claimEarliest = sql(
  `WITH picked AS MATERIALIZED (
     SELECT row.subscription_id FROM unnest($2::text[]) asked(origin) CROSS JOIN LATERAL (
       SELECT t.subscription_id FROM behind t WHERE t.origin = asked.origin AND ${waits("t")} AND ${may("t", "$1::bigint")}
        ORDER BY t.due_at, t.subscription_id LIMIT 1 FOR UPDATE OF t SKIP LOCKED) row)
   UPDATE behind t SET owner = $3, lease_until = ${leaseFrom("$4")}, next = ${firstOwed("t.next", "t")}
     FROM picked WHERE t.subscription_id = picked.subscription_id RETURNING t.*`,
);
const release = sql(
  `UPDATE behind t SET owner = NULL, lease_until = NULL, next = ${firstOwed("t.next", "t")}
    WHERE subscription_id = $1 AND owner = $2`,
);
const recipients = sql(
  "SELECT id, callback, secret, signature_method, generation FROM subscriptions WHERE id = ANY($1::bigint[])",
);

/** Claims of who is behind, and giving them back. */
export function createClaimBehind(db: Database): Pick<BehindStore, "claimCatchUps" | "claimProbes" | "release"> {
  const claim = createClaimDue<ClaimedRow>(db, claimables.behind, db.leaseMs);
  const freeLapsed = createFreeLapsed(db, claimables.behind);

  return {
    async claimCatchUps(limit, perOrigin, now, raised = []) {
      const limits = new Map(raised.map((one) => [one.origin, one.limit]));
      const { rows, token } = await claim(limit, perOrigin, now, limits);
      return toClaims(db, rows, token);
    },
    async claimProbes(origins, now) {
      await freeLapsed();
      const token = randomUUID();
      const rows = await db.all<ClaimedRow>(claimEarliest, db.leaseTime(now).getTime(), origins, token, db.leaseMs);
      const claims = await toClaims(db, rows, token);
      const byOrigin = new Map(claims.map((one) => [originOf(one.callback), one]));
      return origins.map((origin) => byOrigin.get(origin));
    },
    async release({ subscriptionId, token }) {
      await db.run(release, subscriptionId, token);
    },
  };
}

/** Who unsubscribed in the same moment is no longer claimed. */
async function toClaims(db: Database, rows: readonly ClaimedRow[], token: string): Promise<readonly CatchUpClaim[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.subscription_id);
  const found = await db.all<StoredRecipient>(recipients, ids);
  const byId = new Map(found.map((row) => [row.id, readRecipient(row)]));
  return rows.flatMap((row) => {
    const recipient = byId.get(row.subscription_id);
    if (recipient === undefined) return [];
    const { topic_id: topicId, next: seq, attempts } = row;
    return [{ ...recipient, token, topicId, seq, attempts, retryAt: new Date(row.retry_at) }];
  });
}
