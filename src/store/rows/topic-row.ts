import type { FetchClaim, Topic, TopicPolicy } from "../../model/topic.ts";

export type TopicRow = {
  readonly id: number;
  readonly url: string;
  readonly policy: TopicPolicy;
  readonly last_seq: number;
  readonly subscribers: number;
  readonly etag: string | null;
  readonly last_modified: string | null;
  readonly fingerprint: string | null;
  readonly pings: number;
  readonly fetch_due_at: number | null;
  readonly fetch_failures: number;
  readonly fetch_error: string | null;
};

export function toTopic(row: TopicRow): Topic {
  return {
    id: row.id,
    url: row.url,
    policy: row.policy,
    lastSeq: row.last_seq,
    subscribers: row.subscribers,
    fetchDueAt: row.fetch_due_at === null ? undefined : new Date(row.fetch_due_at),
    fetchFailures: row.fetch_failures,
    fetchError: row.fetch_error ?? undefined,
  };
}

export function toFetchClaim(row: TopicRow, token: string): FetchClaim {
  return {
    topicId: row.id,
    token,
    url: row.url,
    subscribers: row.subscribers,
    validators: { etag: row.etag ?? undefined, lastModified: row.last_modified ?? undefined },
    fingerprint: row.fingerprint ?? undefined,
    failures: row.fetch_failures,
    pings: row.pings,
  };
}
