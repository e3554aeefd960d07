import type { IntentStore } from "../intent-store.ts";
import { toIntentClaim } from "../rows/intent-row.ts";
import { addIntents, type Asked } from "./add-intents.ts";
import { claimables } from "./claimable.ts";
import { createClaimDue } from "./claim-due.ts";
import type { Database } from "./database.ts";
import { gather } from "./gather.ts";
import { type StoredIntent, toIntentRow } from "./intent-rows.ts";
import { type Decided, settleIntents } from "./settle-intents.ts";
import { sql } from "./statement.ts";

const removeDropped = sql(
  "DELETE FROM intents WHERE id = ANY(ARRAY(SELECT id FROM intents WHERE dropped_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
);
const release = sql("UPDATE intents SET owner = NULL, lease_until = NULL WHERE id = $1 AND owner = $2");

export function createIntents(db: Database): IntentStore {
  const claim = createClaimDue<StoredIntent>(db, claimables.intents, db.leaseMs * 2);
  const add = gather(db, async (asked: readonly Asked[]) => {
    await db.transact((session) => addIntents(session, asked));
    return asked.map(() => undefined);
  });
  const settle = gather(db, (decided: readonly Decided[]) => db.transact((session) => settleIntents(session, decided)));

  return {
    addIntent: (intent, now) => add({ intent, now }),
    async claimIntents(limit, perOrigin, now) {
      const { rows, token } = await claim(limit, perOrigin, now);
      return rows.map((row) => toIntentClaim(toIntentRow(row), token));
    },
    settleIntent: (intent, decision, now) => settle({ claim: intent, decision, now }),
    async release({ id, token }) {
      await db.run(release, id, token);
    },
    removeDropped: (before, limit) => db.run(removeDropped, before.getTime(), limit),
  };
}
