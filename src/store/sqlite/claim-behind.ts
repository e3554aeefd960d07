import { randomUUID } from "node:crypto";

import type { CatchUpClaim } from "../../model/delivery.ts";
import type { BehindStore } from "../behind-store.ts";
import { createClaimDue } from "./claim-due.ts";
import type { Database } from "./database.ts";
import { firstOwed } from "./first-owed.ts";
import { type RecipientRow, toRecipient } from "./recipient-row.ts";

type ClaimedRow = {
  readonly subscription_id: number;
  readonly topic_id: number;
  readonly next: number;
  readonly attempts: number;
  readonly retry_at: number;
};

const owesSomeone = `t.next <= t.newest
    AND EXISTS (SELECT 1 FROM subscriptions s WHERE s.id = t.subscription_id AND s.expires_at > @now)`;
const jumpToNewest = `next = ${firstOwed("next")}`;

/** Claims of who is behind, and giving them back. */
export function createClaimBehind(db: Database): Pick<BehindStore, "claimCatchUps" | "claimProbes" | "release"> {
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
  const release = connection.prepare(
    `UPDATE behind SET owner = NULL, ${jumpToNewest} WHERE subscription_id = ? AND owner = ?`,
  );
  const toClaim = createToClaim(db);

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
  };
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
