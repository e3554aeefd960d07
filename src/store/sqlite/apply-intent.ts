import type { NewIntent } from "../../model/intent.ts";
import { hostOf } from "../../model/origin.ts";
import { hostQuota } from "../rows/quota.ts";
import type { Database } from "./database.ts";
import { createEndSubscription } from "./end-subscription.ts";
import { createGiveUpLapsed } from "./give-up.ts";

type Existing = { readonly id: number; readonly expires_at: number };

/** What a verified intent does to its subscription, inside a write. `full`: nothing, for its host has as many as it may. */
export function createApplyIntent(db: Database): {
  readonly subscribe: (intent: NewIntent, verifiedAt: Date, now: Date, most: number) => "applied" | "full";
  readonly unsubscribe: (intent: NewIntent) => void;
} {
  const end = createEndSubscription(db);
  const giveUp = createGiveUpLapsed(db);
  const find = db.connection.prepare<object, Existing>(
    `SELECT s.id, s.expires_at FROM subscriptions s JOIN topics t ON t.id = s.topic_id
      WHERE s.callback = +@callback AND t.url = +@topic`,
  );
  const renew = db.connection.prepare(
    `UPDATE subscriptions SET secret = @secret, client = @client, signature_method = @signatureMethod, verified_at = @verifiedAt,
            expires_at = @expiresAt, generation = generation + 1 WHERE id = @id`,
  );
  const create = createCreate(db);

  return {
    subscribe(intent, verifiedAt, now, most) {
      const terms = toTerms(intent, verifiedAt);
      const existing = find.get({ topic: intent.topic, callback: intent.callback });
      if (existing && existing.expires_at > db.leaseTime(now).getTime()) {
        renew.run({ ...terms, id: existing.id });
        return "applied";
      }
      if (existing === undefined && db.quotas.get(hostQuota(hostOf(intent.callback))).subscriptions >= most)
        return "full";
      if (existing) {
        giveUp(existing.id, now);
        end(existing.id);
      }
      create(intent, terms);
      return "applied";
    },
    unsubscribe(intent) {
      const existing = find.get({ topic: intent.topic, callback: intent.callback });
      if (existing) end(existing.id);
    },
  };
}

type Terms = ReturnType<typeof toTerms>;

/** The lease counts from the verification request (§5.3). */
function toTerms(intent: NewIntent, verifiedAt: Date) {
  return {
    secret: intent.secret ?? null,
    client: intent.client,
    signatureMethod: intent.signatureMethod ?? null,
    verifiedAt: verifiedAt.getTime(),
    expiresAt: verifiedAt.getTime() + intent.leaseSeconds * 1000,
  };
}

/** A new subscription is owed what is published after it: the topic's row says which number that will be. */
function createCreate({ connection, quotas }: Database) {
  const know = connection.prepare(
    "INSERT INTO topics (url, host, policy) VALUES (?, ?, 'latest') ON CONFLICT (url) DO NOTHING",
  );
  const count = connection.prepare<[string], { readonly id: number; readonly last_seq: number }>(
    "UPDATE topics SET subscribers = subscribers + 1 WHERE url = ? RETURNING id, last_seq",
  );
  const insert = connection.prepare(
    `INSERT INTO subscriptions (topic_id, callback, secret, client, signature_method, first_seq, verified_at, expires_at)
     VALUES (@topicId, @callback, @secret, @client, @signatureMethod, @firstSeq, @verifiedAt, @expiresAt)`,
  );

  return ({ topic, callback }: NewIntent, terms: Terms): void => {
    know.run(topic, hostOf(topic));
    const counted = count.get(topic);
    if (counted === undefined) throw new Error(`topic ${topic} was not stored`);
    insert.run({ ...terms, topicId: counted.id, callback, firstSeq: counted.last_seq + 1 });
    quotas.add(hostQuota(hostOf(callback)), { subscriptions: 1 });
  };
}
