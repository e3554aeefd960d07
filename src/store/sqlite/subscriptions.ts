import { type SubscriptionRow, toSubscription } from "../rows/subscription-row.ts";
import { HostFull, type SubscriptionStore } from "../subscription-store.ts";
import { createApplyIntent } from "./apply-intent.ts";
import type { Database } from "./database.ts";
import { createEndSubscription } from "./end-subscription.ts";
import { createGiveUpLapsed } from "./give-up.ts";

export function createSubscriptions(db: Database): SubscriptionStore {
  const { connection, write, read, leaseTime } = db;
  const byPair = connection.prepare<[string, string], SubscriptionRow>(
    `SELECT s.*, t.url AS topic FROM subscriptions s JOIN topics t ON t.id = s.topic_id
      WHERE t.url = +? AND s.callback = +?`,
  );
  // Not while a chunk or an attempt has them: what that leaves undone is then still theirs to be given up.
  const lapsed = connection.prepare<[number, number], { readonly id: number }>(
    `WITH lapsed AS MATERIALIZED (
       SELECT id, topic_id FROM subscriptions WHERE expires_at <= +? ORDER BY expires_at LIMIT +?)
     SELECT id FROM lapsed
      WHERE NOT EXISTS (SELECT 1 FROM behind b WHERE b.subscription_id = id AND b.owner IS NOT NULL)
        AND id NOT IN (SELECT value FROM chunks c, json_each(c.todo) WHERE c.topic_id IN (SELECT topic_id FROM lapsed))`,
  );
  const end = createEndSubscription(db);
  const giveUp = createGiveUpLapsed(db);
  const { subscribe } = createApplyIntent(db);

  return {
    async find(topic, callback) {
      const row = await read(() => byPair.get(topic, callback));
      return row && toSubscription(row);
    },
    endLapsed: (now, limit) =>
      write(() => {
        const rows = lapsed.all(leaseTime(now).getTime(), limit);
        for (const { id } of rows) {
          giveUp(id, now);
          end(id);
        }
        return rows.length;
      }),
    vouch: (wanted, now, most) =>
      write(() => {
        const added = wanted.filter(({ topic, callback }) => !isInForce(byPair.get(topic, callback), leaseTime(now)));
        for (const intent of added) if (subscribe(intent, now, now, most) === "full") throw new HostFull(intent);
        return added.length;
      }),
    remove: (topic, callback) =>
      write(() => {
        const row = byPair.get(topic, callback);
        return row !== undefined && end(row.id);
      }),
  };
}

function isInForce(row: SubscriptionRow | undefined, now: Date): boolean {
  return row !== undefined && row.expires_at > now.getTime();
}
