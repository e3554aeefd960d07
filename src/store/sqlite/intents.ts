import type { IntentClaim, IntentDecision } from "../../model/intent.ts";
import type { IsSameSecret } from "../../model/secret.ts";
import type { IntentStore } from "../intent-store.ts";
import { type IntentRow, toIntentClaim } from "../rows/intent-row.ts";
import { pendingQuotas } from "../rows/quota.ts";
import { createAddIntent } from "./add-intent.ts";
import { createApplyIntent } from "./apply-intent.ts";
import { createClaimDue } from "./claim-due.ts";
import type { Database } from "./database.ts";
import { claimables } from "./due-places.ts";

export function createIntents(db: Database, isSameSecret: IsSameSecret = Object.is): IntentStore {
  const { connection, write, claim, read } = db;
  const claimDue = createClaimDue(db, { table: claimables.intents, toClaim: toIntentClaim });
  // Of those dropped first: whoever asks for more finds the next ones there.
  const removeDropped = connection.prepare(
    `WITH oldest AS MATERIALIZED (
       SELECT id, dropped_at FROM intents WHERE dropped_at IS NOT NULL ORDER BY dropped_at LIMIT +@limit)
     DELETE FROM intents WHERE id IN (
       SELECT id FROM oldest WHERE dropped_at < +@before OR id <= (SELECT max(id) FROM intents) - @keep)`,
  );
  const pending = connection.prepare<[], { readonly pending: number }>(
    "SELECT coalesce(sum(pending), 0) AS pending FROM quotas WHERE name >= 'host ' AND name < 'host!'",
  );
  const release = connection.prepare("UPDATE intents SET owner = NULL WHERE id = ? AND owner = ?");
  const add = createAddIntent(db, isSameSecret);
  const settle = createSettleIntent(db);

  return {
    addIntent: (intent, now, caps) => write(() => add(intent, now, caps)),
    claimIntents: (limit, perHost, now, except = []) =>
      claimDue(limit, perHost, now, new Map(except.map((host) => [host, 0]))),
    settleIntent: (intent, decision, now, most = Infinity) => write(() => settle(intent, decision, now, most)),
    countPending: () => read(() => pending.get()?.pending ?? 0),
    release: ({ id, token }) =>
      claim(() => {
        release.run(id, token);
      }),
    removeDropped: (before, keep, limit) =>
      write(() => removeDropped.run({ before: before.getTime(), keep, limit }).changes),
  };
}

function createSettleIntent(db: Database) {
  const { connection, quotas } = db;
  const held = connection.prepare<[number, string], Pick<IntentRow, "secret">>(
    "SELECT secret FROM intents WHERE id = ? AND owner = ?",
  );
  const retry = connection.prepare("UPDATE intents SET owner = NULL, attempts = ?, due_at = ? WHERE id = ?");
  const deny = connection.prepare("UPDATE intents SET owner = NULL, attempts = 0, due_at = ?, denial = ? WHERE id = ?");
  const drop = connection.prepare(
    `UPDATE intents SET owner = NULL, due_at = NULL, secret = NULL, verify_token = NULL, attempts = attempts + 1,
            dropped_at = ?, drop_reason = ? WHERE id = ?`,
  );
  const remove = connection.prepare("DELETE FROM intents WHERE id = ?");
  const beginNext = connection.prepare(
    `UPDATE intents SET due_at = start_at WHERE id =
       (SELECT min(id) FROM intents WHERE callback = +@callback AND topic = +@topic AND dropped_at IS NULL)`,
  );
  const { subscribe, unsubscribe } = createApplyIntent(db);

  const end = (claim: IntentClaim) => {
    for (const name of pendingQuotas(claim)) quotas.add(name, { pending: -1 });
    beginNext.run({ callback: claim.callback, topic: claim.topic });
  };

  return (claim: IntentClaim, decision: IntentDecision, now: Date, most: number): "settled" | "lost" | "full" => {
    const row = held.get(claim.id, claim.token);
    if (row === undefined) return "lost";
    // As it is kept, not as it was opened for the claim.
    const secret = row.secret ?? undefined;
    switch (decision.next) {
      case "apply":
        if (claim.mode === "unsubscribe") unsubscribe(claim);
        else if (subscribe({ ...claim, secret }, decision.verifiedAt, now, most) === "full") return "full";
        remove.run(claim.id);
        end(claim);
        break;
      case "retry":
        retry.run(decision.attempts, decision.at.getTime(), claim.id);
        break;
      case "deny":
        deny.run(now.getTime(), decision.reason, claim.id);
        break;
      case "drop":
        drop.run(now.getTime(), decision.reason, claim.id);
        end(claim);
        break;
    }
    return "settled";
  };
}
