import { randomUUID } from "node:crypto";

import type { CatchUpClaim, CatchUpOutcome, Wait } from "../../model/delivery.ts";
import type { BehindStore } from "../behind-store.ts";
import { createLogAttempt } from "./attempts.ts";
import { createEndGone } from "./checkpoint.ts";
import { createClaimDue } from "./claim-due.ts";
import type { Database } from "./database.ts";
import { createGiveUpOld } from "./give-up.ts";
import { read } from "./group-commit.ts";
import { hastenedByCodes } from "./hastened-by.ts";
import { type RecipientRow, toRecipient } from "./recipient-row.ts";

type ClaimedRow = {
  readonly subscription_id: number;
  readonly topic_id: number;
  readonly next: number;
  readonly attempts: number;
  readonly retry_at: number;
};
type Claim = Pick<CatchUpClaim, "subscriptionId" | "seq" | "token">;
type Settled = "done" | "more" | "waits" | "lost";

const owesSomeone = `t.next <= t.newest
    AND EXISTS (SELECT 1 FROM subscriptions s WHERE s.id = t.subscription_id AND s.expires_at > @now)`;
const jumpToNewest =
  "next = CASE (SELECT policy FROM topics WHERE id = topic_id) WHEN 'latest' THEN newest ELSE next END";

export function createBehind(db: Database): BehindStore {
  const { connection, write } = db;
  const claim = createClaimDue<ClaimedRow>(db, {
    name: "behind",
    id: "subscription_id",
    dueAt: "due_at",
    owner: "owner",
    where: owesSomeone,
    whereOrigin: "NOT EXISTS (SELECT 1 FROM hosts h WHERE h.origin = o.origin)",
    set: jumpToNewest,
  });
  const probe = connection.prepare<object, ClaimedRow>(
    `UPDATE behind SET owner = @token, ${jumpToNewest}
      WHERE subscription_id = (SELECT t.subscription_id FROM behind t WHERE t.origin = @origin AND t.owner IS NULL
                                  AND ${owesSomeone} ORDER BY t.due_at LIMIT 1)
     RETURNING *`,
  );
  const release = connection.prepare("UPDATE behind SET owner = NULL WHERE subscription_id = ? AND owner = ?");
  const removeSettled = connection.prepare(
    `DELETE FROM behind WHERE subscription_id IN
       (SELECT subscription_id FROM behind WHERE due_at <= ? AND owner IS NULL AND next > newest LIMIT ?)`,
  );
  const toClaim = createToClaim(db);
  const settle = createSettle(db);
  const giveUpOld = createGiveUpOld(db);
  const log = createLogAttempt(db);

  return {
    claimCatchUps: (limit, perOrigin, now, raised) =>
      write(() => {
        const { token, rows } = claim(limit, perOrigin, now, raised);
        return rows.map((row) => toClaim(row, token));
      }),
    claimProbes: (origins, now) =>
      write(() => {
        const token = randomUUID();
        return origins.map((origin) => {
          const row = probe.get({ token, origin, now: now.getTime() });
          return row && toClaim(row, token);
        });
      }),
    release: ({ subscriptionId, token }) =>
      write(() => {
        release.run(subscriptionId, token);
      }),
    settleCatchUp: (catchUp, outcome, record, now) =>
      write(() => {
        log(record);
        return settle(catchUp, outcome, now.getTime());
      }),
    ...createHasten(db),
    giveUpOld: (before, limit, now) => write(() => giveUpOld(before.getTime(), limit, now)),
    removeSettled: (limit, now) => write(() => removeSettled.run(now.getTime(), limit).changes),
  };
}

/** Whoever is hastened once loses the mark, so that the index holds only those who may yet be. */
function createHasten({ connection, write }: Database): Pick<BehindStore, "hasten" | "listTroubled"> {
  const hasten = connection.prepare(
    `UPDATE behind SET due_at = min(due_at, @now), hastened_by = 0 WHERE subscription_id IN
       (SELECT subscription_id FROM behind WHERE origin = @origin AND owner IS NULL AND hastened_by > 0
           AND hastened_by >= @least LIMIT @limit)`,
  );
  const troubled = connection.prepare<[], { readonly origin: string }>(
    "SELECT DISTINCT origin FROM behind WHERE owner IS NULL AND hastened_by > 0 AND hastened_by = 2",
  );

  return {
    hasten: (origin, by, limit, now) =>
      write(() => hasten.run({ origin, least: hastenedByCodes[by], limit, now: now.getTime() }).changes),
    listTroubled: () => read(() => troubled.all().map(({ origin }) => origin)),
  };
}

/** Removing the row tests that nothing newer was handed over, in the statement itself (engine-protocol, Q1). */
function createSettle(db: Database): (claim: Claim, outcome: CatchUpOutcome, now: number) => Settled {
  const { connection } = db;
  const remove = connection.prepare("DELETE FROM behind WHERE subscription_id = ? AND owner = ? AND newest <= ?");
  const goOn = connection.prepare(
    `UPDATE behind SET next = @seq + 1, attempts = 0, owner = NULL, due_at = @now, retry_at = @now, hastened_by = 0
      WHERE subscription_id = @subscriptionId AND owner = @token`,
  );
  // On `latest` topics whoever waits, waits with the newest.
  const wait = connection.prepare(
    `UPDATE behind SET next = CASE (SELECT policy FROM topics WHERE id = topic_id)
                                WHEN 'latest' THEN max(@next, newest) ELSE @next END, attempts = @attempts, owner = NULL, due_at = @dueAt, retry_at = @dueAt,
            hastened_by = @hastenedBy
      WHERE subscription_id = @subscriptionId AND owner = @token`,
  );
  const holds = connection.prepare("SELECT 1 FROM behind WHERE subscription_id = ? AND owner = ?");
  const endGone = createEndGone(db);

  return ({ subscriptionId, token, seq }, outcome, now) => {
    if (holds.get(subscriptionId, token) === undefined) return "lost";
    if (outcome.kind === "delivered") {
      if (remove.run(subscriptionId, token, seq).changes > 0) return "done";
      goOn.run({ subscriptionId, token, seq, now });
      return "more";
    }
    if (outcome.kind === "gone" && endGone({ subscriptionId, generation: outcome.generation })) return "done";
    const next = outcome.kind === "given_up" ? seq + 1 : seq;
    wait.run({ subscriptionId, token, next, ...toColumns(outcome) });
    return "waits";
  };
}

function toColumns({ attempts, dueAt, hastenedBy }: Wait) {
  return { attempts, dueAt: dueAt.getTime(), hastenedBy: hastenedByCodes[hastenedBy] };
}

function createToClaim({ connection }: Database): (row: ClaimedRow, token: string) => CatchUpClaim {
  const recipient = connection.prepare<[number], RecipientRow>(
    "SELECT id, callback, secret, signature_method, generation FROM subscriptions WHERE id = ?",
  );

  return (row, token) => {
    const member = recipient.get(row.subscription_id);
    if (member === undefined) throw new Error(`behind row ${row.subscription_id} has no subscription`);
    const { topic_id: topicId, next: seq, attempts } = row;
    return { ...toRecipient(member), token, topicId, seq, attempts, retryAt: new Date(row.retry_at) };
  };
}
