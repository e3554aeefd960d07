import type { AttemptRecord, CatchUpClaim, CatchUpOutcome } from "../../model/delivery.ts";
import { hastenedByCodes } from "../rows/hastened-by.ts";
import { logAttempts } from "./attempts.ts";
import { endGone } from "./checkpoint.ts";
import { firstOwed } from "./first-owed.ts";
import { type Session, sql } from "./statement.ts";
import type { Transaction } from "./transaction.ts";

/** How a claimed attempt ended. */
export type Ended = {
  readonly claim: Pick<CatchUpClaim, "subscriptionId" | "seq" | "token">;
  readonly outcome: CatchUpOutcome;
  readonly record: AttemptRecord;
  readonly now: Date;
};
export type Settled = "done" | "more" | "waits" | "lost";

const fence = sql(
  `SELECT c.id AS "subscriptionId", c.owner AS token FROM unnest($1::bigint[], $2::text[]) c(id, owner)
     JOIN behind b ON b.subscription_id = c.id AND b.owner = c.owner ORDER BY b.subscription_id FOR UPDATE OF b`,
);
// Tests in the statement itself that nothing newer was handed over (engine-protocol, Q1).
const remove = sql(
  `DELETE FROM behind b USING unnest($1::bigint[], $2::bigint[]) d(id, seq)
    WHERE b.subscription_id = d.id AND b.newest <= d.seq RETURNING b.subscription_id AS id`,
);
const goOn = sql(
  `UPDATE behind b SET next = ${firstOwed("w.next", "b")}, attempts = w.attempts, owner = NULL, lease_until = NULL,
          due_at = w.due_at, retry_at = w.due_at, hastened_by = w.hastened_by
     FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::bigint[], $5::int[]) w(id, next, attempts, due_at, hastened_by)
    WHERE b.subscription_id = w.id`,
);

/** Settles claimed attempts and logs all, in one transaction. */
export async function settleCatchUps(session: Transaction, ended: readonly Ended[]): Promise<readonly Settled[]> {
  const held = await lockHeld(session, ended);
  // A claim is settled once, also within one transaction.
  const holds = ended.map(({ claim }) => held.delete(keyOf(claim)));
  const settled = ended.filter((_, i) => holds[i]);
  const done = await removeDone(session, settled);
  const waiting = settled.filter(({ claim }) => !done.has(claim.subscriptionId));
  if (waiting.length > 0) await session.run(goOn, ...toColumns(waiting));
  await logAttempts(
    session,
    // Whoever ended the subscription has logged what that gave up.
    ended.map(({ record }, i) =>
      !holds[i] && record.outcome === "given_up" ? { ...record, outcome: "failed" } : record,
    ),
  );
  return ended.map(({ claim, outcome }, i) => {
    if (!holds[i]) return "lost";
    if (done.has(claim.subscriptionId)) return "done";
    return outcome.kind === "delivered" ? "more" : "waits";
  });
}

async function lockHeld(session: Session, ended: readonly Ended[]): Promise<Set<string>> {
  const ids = ended.map(({ claim }) => claim.subscriptionId);
  const tokens = ended.map(({ claim }) => claim.token);
  const rows = await session.all<Pick<CatchUpClaim, "subscriptionId" | "token">>(fence, ids, tokens);
  return new Set(rows.map(keyOf));
}

function keyOf({ subscriptionId, token }: Pick<CatchUpClaim, "subscriptionId" | "token">): string {
  return `${subscriptionId} ${token}`;
}

/** Those who are up to date, or gone. */
async function removeDone(session: Transaction, settled: readonly Ended[]): Promise<ReadonlySet<number>> {
  const gone = settled.flatMap(({ claim, outcome }) =>
    outcome.kind === "gone" ? [{ subscriptionId: claim.subscriptionId, generation: outcome.generation }] : [],
  );
  const ended = await endGone(session, gone);
  const delivered = settled.filter(({ outcome }) => outcome.kind === "delivered").map(({ claim }) => claim);
  if (delivered.length === 0) return ended;
  const removed = await session.all<{ readonly id: number }>(
    remove,
    delivered.map(({ subscriptionId }) => subscriptionId),
    delivered.map(({ seq }) => seq),
  );
  return new Set([...ended, ...removed.map(({ id }) => id)]);
}

function toColumns(waiting: readonly Ended[]): readonly unknown[] {
  const columns = waiting.map(({ outcome, claim: { seq }, now }) => {
    if (outcome.kind === "delivered") return { next: seq + 1, attempts: 0, dueAt: now, hastenedBy: "nothing" } as const;
    return { ...outcome, next: outcome.kind === "given_up" ? seq + 1 : seq };
  });
  return [
    waiting.map(({ claim }) => claim.subscriptionId),
    columns.map(({ next }) => next),
    columns.map(({ attempts }) => attempts),
    columns.map(({ dueAt }) => dueAt.getTime()),
    columns.map(({ hastenedBy }) => hastenedByCodes[hastenedBy]),
  ];
}
