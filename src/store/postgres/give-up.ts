import type { AttemptRecord } from "../../model/delivery.ts";
import type { PublicationKey } from "../../model/publication.ts";
import { logAttempts } from "./attempts.ts";
import { endSubscriptions } from "./end-subscriptions.ts";
import { firstOwed } from "./first-owed.ts";
import { type Session, sql } from "./statement.ts";
import type { Transaction } from "./transaction.ts";

/** SQL: adds to the log what a query of these columns tells: subscription_id, topic_id, next, newest, attempts. */
function recordGivenUp(owed: string, reason: string, now: string): string {
  return `INSERT INTO attempts (at, topic_id, seq, subscription_id, count, attempt, outcome, reason, duration_ms)
     SELECT ${now}::bigint, topic_id, newest, subscription_id, newest - next + 1, attempts, 'given_up', '${reason}', 0
       FROM (${owed}) owed ORDER BY subscription_id, place, newest`;
}

const leaseEnded = "the lease ended";

const giveUpOldest = sql(
  `WITH old AS MATERIALIZED (
     SELECT b.subscription_id, b.topic_id, b.next, b.newest, b.attempts
       FROM publications p JOIN behind b ON b.topic_id = p.topic_id AND b.next = p.seq
      WHERE p.published_at < $1 AND b.owner IS NULL AND b.next <= b.newest
      LIMIT $2 FOR UPDATE OF b SKIP LOCKED),
   given AS MATERIALIZED (
     SELECT old.subscription_id, old.topic_id, old.next, old.attempts, 0 AS place,
            greatest(old.next, least(old.newest,
              (SELECT p.seq FROM publications p WHERE p.topic_id = old.topic_id AND p.published_at < $1
                ORDER BY p.published_at DESC, p.seq DESC LIMIT 1))) AS newest
       FROM old),
   passed AS (UPDATE behind b SET next = given.newest + 1 FROM given WHERE b.subscription_id = given.subscription_id)
   ${recordGivenUp("SELECT * FROM given", "it was owed for 7 days", "$3")}`,
);

/**
 * Gives up what waiting rows owe of publications older than `before`. Those that are claimed come later, when their
 * attempt has ended.
 */
export function giveUpOld(session: Session, before: Date, limit: number, now: Date): Promise<number> {
  return session.run(giveUpOldest, before.getTime(), limit, now.getTime());
}

// What they are owed may change hands until these are locked.
const lockFanOuts = sql(
  `SELECT 1 FROM fan_outs f WHERE NOT f.done AND f.topic_id IN (SELECT topic_id FROM subscriptions WHERE id = ANY($1::bigint[]))
    ORDER BY f.topic_id, f.seq FOR UPDATE OF f`,
);
const lockBehind = sql(
  `SELECT subscription_id AS id, owner IS NOT NULL AS "isClaimed" FROM behind WHERE subscription_id = ANY($1::bigint[])
    ORDER BY subscription_id FOR UPDATE`,
);
const lockOrphans = sql(
  `SELECT 1 FROM chunks WHERE lease_until <= now() AND topic_id IN (SELECT topic_id FROM subscriptions WHERE id = ANY($1::bigint[]))
    ORDER BY id FOR UPDATE`,
);
// Whoever owns the delivery (engine-protocol 1): its behind row, a chunk that nobody works on, or no one yet; then neither
// has any that follows.
const recordLapsed = sql(
  recordGivenUp(
    `SELECT b.subscription_id, b.topic_id, ${firstOwed("b.next", "b")} AS next, b.newest, b.attempts, 1 AS place FROM behind b
      WHERE b.subscription_id = ANY($1::bigint[]) AND b.next <= b.newest
     UNION ALL
     SELECT s.id, c.topic_id, c.seq, c.seq, 0, 2 FROM subscriptions s JOIN chunks c ON c.topic_id = s.topic_id
      WHERE s.id = ANY($1::bigint[]) AND c.lease_until <= now() AND s.id = ANY(c.todo)
     UNION ALL
     SELECT s.id, s.topic_id, f.seq, t.last_seq, 0, 3
       FROM subscriptions s JOIN topics t ON t.id = s.topic_id CROSS JOIN LATERAL (
         SELECT f.seq FROM fan_outs f
          WHERE f.topic_id = s.topic_id AND NOT f.done AND NOT f.cut_done AND f.seq >= s.first_seq
            AND CASE WHEN f.wrapped THEN s.id > f.cursor AND s.id <= f.start ELSE s.id > f.cursor OR s.id <= f.start END
          ORDER BY f.seq LIMIT 1) f
      WHERE s.id = ANY($1::bigint[])`,
    leaseEnded,
    "$2",
  ),
);

/**
 * Locks what says who is owed what, until the transaction ends. Resolves to those whose catch-up is claimed.
 * To be called before that is read.
 */
export async function lockOwed(session: Session, ids: readonly number[]): Promise<ReadonlySet<number>> {
  await session.run(lockFanOuts, ids);
  const rows = await session.all<{ readonly id: number; readonly isClaimed: boolean }>(lockBehind, ids);
  await session.run(lockOrphans, ids);
  return new Set(rows.flatMap(({ id, isClaimed }) => (isClaimed ? [id] : [])));
}

/** Ends subscriptions whose lease is over and records what they are still owed, which must be locked. */
export async function endLapsed(session: Transaction, ids: readonly number[], now: Date): Promise<number> {
  if (ids.length === 0) return 0;
  await session.run(recordLapsed, ids, now.getTime());
  return (await endSubscriptions(session, ids)).length;
}

/** The present, and the time that leases are judged by. */
export type Moment = { readonly now: Date; readonly leaseNow: Date };

type Leased = { readonly id: number; readonly expires_at: number };

/** Keeps those whose lease runs; for the others records that the delivery comes too late. */
export async function passOverLapsed<M extends Leased>(
  session: Session,
  members: readonly M[],
  { topicId, seq }: PublicationKey,
  { now, leaseNow }: Moment,
): Promise<readonly M[]> {
  const lapsed = members.filter(({ expires_at }) => expires_at <= leaseNow.getTime());
  const toRecord = ({ id }: M): AttemptRecord => {
    const what = { topicId, seq, subscriptionId: id, count: 1, attempt: 0, status: undefined };
    return { ...what, at: now, outcome: "given_up", reason: leaseEnded, durationMs: 0 };
  };
  await logAttempts(session, lapsed.map(toRecord));
  return members.filter(({ expires_at }) => expires_at > leaseNow.getTime());
}
