import type { IsSameSecret } from "../../model/secret.ts";
import type { KeptSecret, SecretStore } from "../secret-store.ts";
import { toNotice } from "../rows/block-row.ts";
import { noCaps } from "../rows/quota.ts";
import { createAddIntent } from "./add-intent.ts";
import type { Database } from "./database.ts";
import { createEndSubscription } from "./end-subscription.ts";

export function createGiveUpSecrets(db: Database, isSameSecret: IsSameSecret = Object.is): SecretStore["giveUp"] {
  const deny = db.connection.prepare(
    `UPDATE intents SET secret = NULL, attempts = 0,
            denial = CASE WHEN mode = 'subscribe' THEN coalesce(denial, @reason) ELSE denial END WHERE id = @id`,
  );
  const end = createEndSubscription(db);
  const addIntent = createAddIntent(db, isSameSecret);

  return (table, lost, { reason, now, noticesPerMinute }) => {
    const giveUp = {
      intents: ({ id }: KeptSecret) => deny.run({ id, reason }).changes > 0,
      subscriptions(one: KeptSecret) {
        if (!end(one.id)) return false;
        addIntent(toNotice(one, reason), now, { ...noCaps, perMinute: noticesPerMinute });
        return true;
      },
    }[table];
    return db.write(() => lost.filter(giveUp).length);
  };
}
