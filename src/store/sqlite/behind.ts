import type { CatchUpClaim, CatchUpOutcome } from "../../model/delivery.ts";
import type { BehindStore } from "../behind-store.ts";
import { createLogAttempt } from "./attempts.ts";
import { createEndGone } from "./checkpoint.ts";
import { createClaimDue } from "./claim-due.ts";
import type { Database } from "./database.ts";
import { type RecipientRow, toRecipient } from "./recipient-row.ts";

type ClaimedRow = {
  readonly subscription_id: number;
  readonly topic_id: number;
  readonly next: number;
  readonly attempts: number;
};
type Claim = Pick<CatchUpClaim, "subscriptionId" | "seq" | "token">;
type Settled = "done" | "more" | "waits" | "lost";

export function createBehind(db: Database): BehindStore {
  const { connection, write } = db;
  const claim = createClaimDue<ClaimedRow>(db, {
    name: "behind",
    id: "subscription_id",
    dueAt: "due_at",
    owner: "owner",
    where: "EXISTS (SELECT 1 FROM subscriptions s WHERE s.id = t.subscription_id AND s.expires_at > @now)",
    set: "next = CASE (SELECT policy FROM topics WHERE id = topic_id) WHEN 'latest' THEN newest ELSE next END",
  });
  const recipient = connection.prepare<[number], RecipientRow>(
    "SELECT id, callback, secret, signature_method, generation FROM subscriptions WHERE id = ?",
  );
  const settle = createSettle(db);
  const log = createLogAttempt(db);

  return {
    claimCatchUps: (limit, perOrigin, now) =>
      write(() => {
        const { token, rows } = claim(limit, perOrigin, now);
        return rows.map((row) => {
          const member = recipient.get(row.subscription_id);
          if (member === undefined) throw new Error(`behind row ${row.subscription_id} has no subscription`);
          return toClaim(row, member, token);
        });
      }),
    settleCatchUp: (catchUp, outcome, record, now) =>
      write(() => {
        log(record);
        return settle(catchUp, outcome, now.getTime());
      }),
  };
}

/** Removing the row tests that nothing newer was handed over, in the statement itself (engine-protocol, Q1). */
function createSettle(db: Database): (claim: Claim, outcome: CatchUpOutcome, now: number) => Settled {
  const { connection } = db;
  const remove = connection.prepare("DELETE FROM behind WHERE subscription_id = ? AND owner = ? AND newest <= ?");
  const goOn = connection.prepare(
    `UPDATE behind SET next = @seq + 1, attempts = 0, owner = NULL, due_at = @now
      WHERE subscription_id = @subscriptionId AND owner = @token`,
  );
  const wait = connection.prepare(
    `UPDATE behind SET attempts = @attempts, owner = NULL, due_at = @dueAt
      WHERE subscription_id = @subscriptionId AND owner = @token`,
  );
  const holds = connection.prepare("SELECT 1 FROM behind WHERE subscription_id = ? AND owner = ?");
  const endGone = createEndGone(db);

  return (claim, outcome, now) => {
    const { subscriptionId, token, seq } = claim;
    if (holds.get(subscriptionId, token) === undefined) return "lost";
    if (outcome.kind === "delivered" || outcome.kind === "given_up") {
      if (remove.run(subscriptionId, token, seq).changes > 0) return "done";
      goOn.run({ subscriptionId, token, seq, now });
      return "more";
    }
    if (outcome.kind === "gone" && endGone({ subscriptionId, generation: outcome.generation })) return "done";
    wait.run({ subscriptionId, token, attempts: outcome.attempts, dueAt: outcome.dueAt.getTime() });
    return "waits";
  };
}

function toClaim(row: ClaimedRow, member: RecipientRow, token: string): CatchUpClaim {
  return { ...toRecipient(member), token, topicId: row.topic_id, seq: row.next, attempts: row.attempts };
}
