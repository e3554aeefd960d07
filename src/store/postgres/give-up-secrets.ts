import type { SecretStore } from "../secret-store.ts";
import { toNotice } from "../rows/block-row.ts";
import { noCaps } from "../rows/quota.ts";
import { addIntents } from "./add-intents.ts";
import type { Database } from "./database.ts";
import { endSubscriptions } from "./end-subscriptions.ts";
import { sql } from "./statement.ts";

const deny = sql(
  `UPDATE intents SET secret = NULL, attempts = 0,
          denial = CASE WHEN mode = 'subscribe' THEN coalesce(denial, $2) ELSE denial END WHERE id = ANY($1::bigint[])`,
);

export function createGiveUpSecrets(db: Database): SecretStore["giveUp"] {
  return async (table, lost, { reason, now, noticesPerMinute }) => {
    const ids = lost.map(({ id }) => id);
    if (table === "intents") return db.run(deny, ids, reason);
    return db.transact(async (transaction) => {
      const ended = new Set(await endSubscriptions(transaction, ids));
      const caps = { ...noCaps, perMinute: noticesPerMinute };
      const notices = lost
        .filter(({ id }) => ended.has(id))
        .map((one) => ({ intent: toNotice(one, reason), now, caps }));
      if (notices.length > 0) await addIntents(transaction, notices, Object.is);
      return ended.size;
    });
  };
}
