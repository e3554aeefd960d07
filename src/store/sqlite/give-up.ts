import type { PublicationKey } from "../../model/publication.ts";
import { createLogAttempt } from "./attempts.ts";
import type { Database } from "./database.ts";
import { firstOwed } from "./first-owed.ts";

type Owed = {
  readonly subscription_id: number;
  readonly topic_id: number;
  readonly next: number;
  readonly newest: number;
  readonly attempts: number;
};

type Leased = { readonly id: number; readonly expires_at: number };

/**
 * Gives up what waiting rows owe of publications older than `before`, inside a write. The oldest first; those that are
 * claimed come later, when their attempt has ended.
 */
export function createGiveUpOld(db: Database): (before: number, limit: number, now: Date) => number {
  const { connection } = db;
  const owed = connection.prepare<object, Owed & { readonly seq: number }>(
    `SELECT b.*, max(b.next, min(b.newest,
              (SELECT p.seq FROM publications p WHERE p.topic_id = b.topic_id AND p.published_at < +@before
                ORDER BY p.published_at DESC, p.seq DESC LIMIT 1))) AS seq
       FROM publications old CROSS JOIN behind b ON b.topic_id = old.topic_id AND b.next = old.seq
      WHERE old.published_at < +@before AND b.owner IS NULL AND b.next <= b.newest LIMIT +@limit`,
  );
  const pass = connection.prepare("UPDATE behind SET next = ? WHERE subscription_id = ?");
  const record = createRecordGivenUp(db);

  return (before, limit, now) => {
    const rows = owed.all({ before, limit });
    for (const row of rows) {
      record({ ...row, newest: row.seq }, "it was owed for 7 days", now);
      pass.run(row.seq + 1, row.subscription_id);
    }
    return rows.length;
  };
}

/** Records what a subscription whose lease is over is still owed, inside the write that ends it. */
export function createGiveUpLapsed(db: Database): (subscriptionId: number, now: Date) => void {
  // Whoever owns the delivery (engine-protocol 1): its behind row, a chunk that nobody works on, or no one yet; then neither has any
  // that follows.
  const owed = db.connection.prepare<object, Owed>(
    `SELECT subscription_id, topic_id, ${firstOwed("next")} AS next, newest, attempts FROM behind
      WHERE subscription_id = +@id AND next <= newest
     UNION ALL
     SELECT s.id, c.topic_id, c.seq, c.seq, 0 FROM subscriptions s JOIN chunks c ON c.topic_id = s.topic_id
      WHERE s.id = +@id AND c.owner IS NULL AND EXISTS (SELECT 1 FROM json_each(c.todo) WHERE value = +@id)
     UNION ALL
     SELECT s.id, f.topic_id, f.seq, t.last_seq, 0
       FROM subscriptions s JOIN topics t ON t.id = s.topic_id JOIN fan_outs f ON f.rowid = (
         SELECT f.rowid FROM fan_outs f
          WHERE f.topic_id = s.topic_id AND f.done = 0 AND f.cut_done = 0 AND f.seq >= s.first_seq
            AND CASE WHEN f.wrapped THEN s.id > f.cursor AND s.id <= f.start ELSE s.id > f.cursor OR s.id <= f.start END
          ORDER BY f.seq LIMIT 1)
      WHERE s.id = +@id`,
  );
  const record = createRecordGivenUp(db);

  return (id, now) => {
    for (const row of owed.all({ id })) record(row, "the lease ended", now);
  };
}

/** Keeps those whose lease runs; for the others records, inside the write, that the delivery comes too late. */
export function createPassOverLapsed(
  db: Database,
): <M extends Leased>(members: readonly M[], key: PublicationKey, now: Date) => readonly M[] {
  const record = createRecordGivenUp(db);

  return (members, { topicId, seq }, now) => {
    const leaseNow = db.leaseTime(now).getTime();
    const owed = { topic_id: topicId, next: seq, newest: seq, attempts: 0 };
    return members.filter(({ id, expires_at }) => {
      const isLapsed = expires_at <= leaseNow;
      if (isLapsed) record({ ...owed, subscription_id: id }, "the lease ended", now);
      return !isLapsed;
    });
  };
}

function createRecordGivenUp(db: Database): (owed: Owed, reason: string, at: Date) => void {
  const log = createLogAttempt(db);

  return ({ subscription_id: subscriptionId, topic_id: topicId, next, newest, attempts: attempt }, reason, at) => {
    const what = { topicId, seq: newest, subscriptionId, count: newest - next + 1, attempt };
    log({ ...what, at, durationMs: 0, outcome: "given_up", status: undefined, reason });
  };
}
