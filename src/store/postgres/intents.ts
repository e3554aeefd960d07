import type { IsSameSecret } from "../../model/secret.ts";
import type { IntentStore } from "../intent-store.ts";
import { toIntentClaim } from "../rows/intent-row.ts";
import { noCaps } from "../rows/quota.ts";
import { addIntents, type Asked } from "./add-intents.ts";
import { claimables } from "./claimable.ts";
import { createClaimDue } from "./claim-due.ts";
import type { Database } from "./database.ts";
import { gather } from "./gather.ts";
import { type StoredIntent, toIntentRow } from "./intent-rows.ts";
import { type Decided, settleIntents } from "./settle-intents.ts";
import { sql } from "./statement.ts";

const removeDropped = sql(
  `DELETE FROM intents WHERE id = ANY(ARRAY(
     SELECT oldest.id FROM (SELECT id, dropped_at FROM intents WHERE dropped_at IS NOT NULL ORDER BY dropped_at
                              LIMIT $3 FOR UPDATE SKIP LOCKED) oldest
      WHERE dropped_at < $1 OR id <= (SELECT max(id) FROM intents) - $2::bigint))`,
);
const pending = sql(
  "SELECT coalesce(sum(pending), 0)::bigint AS pending FROM quotas WHERE name >= 'host ' AND name < 'host!'",
);
const release = sql("UPDATE intents SET owner = NULL, lease_until = NULL WHERE id = $1 AND owner = $2");

export function createIntents(db: Database, isSameSecret: IsSameSecret = Object.is): IntentStore {
  const claim = createClaimDue<StoredIntent>(db, claimables.intents, db.leaseMs * 2);
  const add = gather(db, (asked: readonly Asked[]) => {
    return db.transact((session) => addIntents(session, asked, isSameSecret));
  });
  const settle = gather(db, (decided: readonly Decided[]) => db.transact((session) => settleIntents(session, decided)));

  return {
    addIntent: (intent, now, caps = noCaps) => add({ intent, now, leaseNow: db.leaseTime(now), caps }),
    async claimIntents(limit, perHost, now, except = []) {
      const { rows, token } = await claim(limit, perHost, now, new Map(except.map((host) => [host, 0])));
      return rows.map((row) => toIntentClaim(toIntentRow(row), token));
    },
    settleIntent: (claimed, decision, now, most = Infinity) =>
      settle({ claim: claimed, decision, now, leaseNow: db.leaseTime(now), most }),
    async countPending() {
      const [row] = await db.all<{ readonly pending: number }>(pending);
      return row?.pending ?? 0;
    },
    async release({ id, token }) {
      await db.run(release, id, token);
    },
    removeDropped: (before, keep, limit) => db.run(removeDropped, before.getTime(), keep, limit),
  };
}
