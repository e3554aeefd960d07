import type { IntentClaim, IntentDecision, NewIntent } from "../../model/intent.ts";
import { originOf } from "../../model/origin.ts";
import type { IntentStore } from "../intent-store.ts";
import { type IntentRow, isSameRequest, toIntentClaim } from "../rows/intent-row.ts";
import { createApplyIntent } from "./apply-intent.ts";
import { createClaimDue } from "./claim-due.ts";
import type { Database } from "./database.ts";
import { claimables } from "./due-origins.ts";

export function createIntents(db: Database): IntentStore {
  const { connection, write, claim } = db;
  const claimIntents = createClaimDue(db, { table: claimables.intents, toClaim: toIntentClaim });
  const removeDropped = connection.prepare(
    "DELETE FROM intents WHERE id IN (SELECT id FROM intents WHERE dropped_at < +? LIMIT +?)",
  );
  const release = connection.prepare("UPDATE intents SET owner = NULL WHERE id = ? AND owner = ?");
  const add = createAddIntent(db);
  const settle = createSettleIntent(db);

  return {
    addIntent: (intent, now) => write(() => add(intent, now)),
    claimIntents,
    settleIntent: (intent, decision, now) => write(() => settle(intent, decision, now)),
    release: ({ id, token }) =>
      claim(() => {
        release.run(id, token);
      }),
    removeDropped: (before, limit) => write(() => removeDropped.run(before.getTime(), limit).changes),
  };
}

function createAddIntent({ connection }: Database) {
  const newest = connection.prepare<object, IntentRow>(
    `SELECT * FROM intents WHERE callback = +@callback AND topic = +@topic AND dropped_at IS NULL
      ORDER BY id DESC LIMIT 1`,
  );
  const isSubscribed = connection.prepare(
    `SELECT 1 FROM subscriptions s JOIN topics t ON t.id = s.topic_id
      WHERE s.callback = +@callback AND t.url = +@topic AND s.expires_at > @now`,
  );
  const insert = connection.prepare(
    `INSERT INTO intents (mode, topic, topic_as_asked, callback, origin, secret, lease_seconds, verify_token,
                          signature_method, created_at, due_at)
     VALUES (@mode, @topic, @topicAsAsked, @callback, @origin, @secret, @leaseSeconds, @verifyToken,
             @signatureMethod, @now, @dueAt)`,
  );

  return (intent: NewIntent, date: Date): void => {
    const { topic, callback, mode } = intent;
    const now = date.getTime();
    const before = newest.get({ topic, callback });
    if (before && isSameRequest(before, intent)) return;
    const isKnown = () => before !== undefined || isSubscribed.get({ topic, callback, now }) !== undefined;
    if (mode === "unsubscribe" && !isKnown()) return;
    const { secret = null, verifyToken = null, signatureMethod = null } = intent;
    const dueAt = before === undefined ? now : null;
    insert.run({ ...intent, secret, verifyToken, signatureMethod, origin: originOf(callback), now, dueAt });
  };
}

function createSettleIntent(db: Database) {
  const { connection } = db;
  const holds = connection.prepare<[number, string]>("SELECT 1 FROM intents WHERE id = ? AND owner = ?");
  const retry = connection.prepare("UPDATE intents SET owner = NULL, attempts = ?, due_at = ? WHERE id = ?");
  const deny = connection.prepare("UPDATE intents SET owner = NULL, attempts = 0, due_at = ?, denial = ? WHERE id = ?");
  const drop = connection.prepare(
    `UPDATE intents SET owner = NULL, due_at = NULL, secret = NULL, verify_token = NULL, attempts = attempts + 1,
            dropped_at = ?, drop_reason = ? WHERE id = ?`,
  );
  const remove = connection.prepare("DELETE FROM intents WHERE id = ?");
  const beginNext = connection.prepare(
    `UPDATE intents SET due_at = created_at WHERE id =
       (SELECT min(id) FROM intents WHERE callback = +@callback AND topic = +@topic AND dropped_at IS NULL)`,
  );
  const { subscribe, unsubscribe } = createApplyIntent(db);

  return (claim: IntentClaim, decision: IntentDecision, now: Date): boolean => {
    if (holds.get(claim.id, claim.token) === undefined) return false;
    switch (decision.next) {
      case "apply":
        if (claim.mode === "subscribe") subscribe(claim, decision.verifiedAt, now);
        else unsubscribe(claim);
        remove.run(claim.id);
        beginNext.run({ callback: claim.callback, topic: claim.topic });
        break;
      case "retry":
        retry.run(decision.attempts, decision.at.getTime(), claim.id);
        break;
      case "deny":
        deny.run(now.getTime(), decision.reason, claim.id);
        break;
      case "drop":
        drop.run(now.getTime(), decision.reason, claim.id);
        beginNext.run({ callback: claim.callback, topic: claim.topic });
        break;
    }
    return true;
  };
}
