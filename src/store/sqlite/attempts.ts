import type { AttemptRecord } from "../../model/delivery.ts";
import type { AttemptStore } from "../attempt-store.ts";
import { type AttemptRow, toRecord } from "../rows/attempt-row.ts";
import type { Database } from "./database.ts";

export function createAttempts({ connection, write, read }: Database): AttemptStore {
  const newest = connection.prepare<[number, number], AttemptRow>(
    "SELECT * FROM attempts WHERE topic_id = +? ORDER BY id DESC LIMIT +?",
  );
  const trim = connection.prepare(
    `DELETE FROM attempts WHERE id IN
       (SELECT id FROM attempts WHERE at < +@before OR id <= (SELECT max(id) FROM attempts) - @keep LIMIT +@limit)`,
  );

  return {
    newest: (topicId, limit) => read(() => newest.all(topicId, limit).map(toRecord)),
    trim: (before, keep, limit) => write(() => trim.run({ before: before.getTime(), keep, limit }).changes),
  };
}

/** Adds a record to the log, inside the write that it tells of. */
export function createLogAttempt({ connection }: Database): (record: AttemptRecord) => void {
  const insert = connection.prepare(
    `INSERT INTO attempts (at, topic_id, seq, subscription_id, count, attempt, outcome, status, reason, duration_ms)
     VALUES (@at, @topicId, @seq, @subscriptionId, @count, @attempt, @outcome, @status, @reason, @durationMs)`,
  );

  return (record) => {
    const { subscriptionId = null, status = null, reason = null, at, durationMs } = record;
    insert.run({ ...record, subscriptionId, status, reason, at: at.getTime(), durationMs: Math.round(durationMs) });
  };
}
