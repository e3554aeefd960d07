import { type SubscriptionRow, toSubscription } from "../rows/subscription-row.ts";
import { HostFull, type SubscriptionStore } from "../subscription-store.ts";
import { applyIntents } from "./apply-intents.ts";
import type { Database } from "./database.ts";
import { endSubscriptions } from "./end-subscriptions.ts";
import { endLapsed, lockOwed } from "./give-up.ts";
import { type Session, sql } from "./statement.ts";
import { fromBytes } from "./text-columns.ts";

const byPair = sql(
  `SELECT s.*, t.url AS topic FROM subscriptions s JOIN topics t ON t.id = s.topic_id
    WHERE md5(t.url) = md5($1::text) AND t.url = $1 AND md5(s.callback) = md5($2::text) AND s.callback = $2`,
);
const lapsed = sql(
  "SELECT id FROM subscriptions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED",
);
const inChunks = sql(
  `SELECT s.id FROM subscriptions s JOIN chunks c ON c.topic_id = s.topic_id
    WHERE s.id = ANY($1::bigint[]) AND s.id = ANY(c.todo)`,
);

type Id = { readonly id: number };

export function createSubscriptions(db: Database): SubscriptionStore {
  return {
    async find(topic, callback) {
      const [row] = await find(db, topic, callback);
      return row && toSubscription(row);
    },
    endLapsed: (now, limit) =>
      db.transact(async (session) => {
        const ids = (await session.all<Id>(lapsed, db.leaseTime(now).getTime(), limit)).map(({ id }) => id);
        if (ids.length === 0) return 0;
        // Not while a chunk or an attempt has them: what that leaves undone is then still theirs to be given up.
        const claimed = await lockOwed(session, ids);
        const open = new Set((await session.all<Id>(inChunks, ids)).map(({ id }) => id));
        const free = ids.filter((id) => !claimed.has(id) && !open.has(id));
        return endLapsed(session, free, now);
      }),
    vouch: (wanted, now, most) =>
      db.transact(async (session) => {
        const applied = wanted.map((intent) => ({ intent, verifiedAt: now, now, leaseNow: db.leaseTime(now), most }));
        const { full, standing } = await applyIntents(session, applied, "leave");
        const [tooMany] = full;
        if (tooMany !== undefined) throw new HostFull(tooMany);
        return wanted.length - standing.size;
      }),
    remove: (topic, callback) =>
      db.transact(async (session) => {
        const [row] = await find(session, topic, callback);
        return row !== undefined && (await endSubscriptions(session, [row.id])).length > 0;
      }),
  };
}

type Row = Omit<SubscriptionRow, "secret"> & { readonly secret: Buffer | null };

async function find(session: Session, topic: string, callback: string): Promise<readonly SubscriptionRow[]> {
  const rows = await session.all<Row>(byPair, topic, callback);
  return rows.map((row) => ({ ...row, secret: fromBytes(row.secret) }));
}
