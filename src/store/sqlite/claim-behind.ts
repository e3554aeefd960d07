import { randomUUID } from "node:crypto";

import type { CatchUpClaim } from "../../model/delivery.ts";
import type { BehindStore } from "../behind-store.ts";
import { type RecipientRow, toRecipient } from "../rows/recipient-row.ts";
import { createClaimDue, createClaimRow } from "./claim-due.ts";
import type { Database } from "./database.ts";
import { claimables } from "./due-places.ts";
import { firstOwed } from "./first-owed.ts";

type ClaimedRow = {
  readonly subscription_id: number;
  readonly topic_id: number;
  readonly next: number;
  readonly attempts: number;
  readonly retry_at: number;
};

const hasLease =
  "EXISTS (SELECT 1 FROM subscriptions s WHERE s.id = behind.subscription_id AND s.expires_at > @leaseNow)";
const jumpToNewest = `next = ${firstOwed("next")}`;

/** Claims of who is behind, and giving them back. */
export function createClaimBehind(db: Database): Pick<BehindStore, "claimCatchUps" | "claimProbes" | "release"> {
  const { connection, claim } = db;
  const kind = { table: claimables.behind, where: hasLease, set: jumpToNewest, toClaim: createToClaim(db) };
  const claimRow = createClaimRow<ClaimedRow>(db, kind);
  const earliest = connection.prepare<object, { readonly id: number }>(
    `SELECT subscription_id AS id FROM behind
      WHERE origin = +@origin AND ${kind.table.waits("behind")} AND ${hasLease} ORDER BY due_at LIMIT 1`,
  );
  const release = connection.prepare(
    `UPDATE behind SET owner = NULL, ${jumpToNewest} WHERE subscription_id = ? AND owner = ?`,
  );

  const claimDue = createClaimDue(db, kind);

  return {
    claimCatchUps: (limit, perOrigin, now, raised = []) =>
      claimDue(limit, perOrigin, now, new Map(raised.map((one) => [one.origin, one.limit]))),
    claimProbes: (origins, now) =>
      claim(() => {
        const values = { token: randomUUID(), now: now.getTime(), leaseNow: db.leaseTime(now).getTime() };
        return origins.map((origin) => {
          const row = earliest.get({ origin, leaseNow: values.leaseNow });
          return row && kind.toClaim(claimRow({ ...values, id: row.id }), values.token);
        });
      }),
    release: ({ subscriptionId, token }) =>
      claim(() => {
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
