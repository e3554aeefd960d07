import type { AttemptRecord } from "../../model/delivery.ts";

export type AttemptRow = {
  readonly at: number;
  readonly topic_id: number;
  readonly seq: number;
  readonly subscription_id: number | null;
  readonly count: number;
  readonly attempt: number;
  readonly outcome: AttemptRecord["outcome"];
  readonly status: number | null;
  readonly reason: string | null;
  readonly duration_ms: number;
};

export function toRecord(row: AttemptRow): AttemptRecord {
  return {
    at: new Date(row.at),
    topicId: row.topic_id,
    seq: row.seq,
    subscriptionId: row.subscription_id ?? undefined,
    count: row.count,
    attempt: row.attempt,
    outcome: row.outcome,
    status: row.status ?? undefined,
    reason: row.reason ?? undefined,
    durationMs: row.duration_ms,
  };
}
