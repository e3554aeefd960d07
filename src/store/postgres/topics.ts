import { HubError } from "../../errors.ts";
import type { FetchClaim, FetchOutcome } from "../../model/topic.ts";
import { bodyNameOf } from "../rows/body-parts.ts";
import { toFetchClaim, toTopic, type TopicRow } from "../rows/topic-row.ts";
import type { TopicStore } from "../topic-store.ts";
import { claimables } from "./claimable.ts";
import { createClaimDue } from "./claim-due.ts";
import type { Database } from "./database.ts";
import { gather } from "./gather.ts";
import { type Numbered, publish } from "./publish.ts";
import { type Session, sql } from "./statement.ts";
import { toText } from "./text-columns.ts";

const byUrl = sql("SELECT * FROM topics WHERE md5(url) = md5($1::text) AND url = $1");
// It never puts off what is due already: a topic that is pinged all the time would wait for ever.
const ping = sql(
  `WITH pinged AS MATERIALIZED (
     SELECT t.id, p.now, p.min_interval_ms
       FROM unnest($1::text[], $2::bigint[], $3::bigint[]) p(url, now, min_interval_ms)
       JOIN topics t ON md5(t.url) = md5(p.url) AND t.url = p.url
      WHERE t.subscribers > 0 ORDER BY t.id FOR NO KEY UPDATE OF t)
   UPDATE topics t SET pings = pings + 1, fetch_failures = 0,
          fetch_due_at = least(fetch_due_at, greatest(p.now, coalesce(fetch_started_at, 0) + p.min_interval_ms))
     FROM pinged p WHERE t.id = p.id RETURNING t.url`,
);
const settle = sql(
  `UPDATE topics SET fetch_owner = NULL, lease_until = NULL, fetch_error = $3,
          fetch_due_at = CASE WHEN pings = $4 THEN $5::bigint ELSE greatest($6::bigint, fetch_started_at + $7::bigint) END,
          fetch_failures = CASE WHEN pings = $4 THEN $8::int ELSE 0 END,
          etag = CASE WHEN $9::bool THEN $10 ELSE etag END,
          last_modified = CASE WHEN $9::bool THEN $11 ELSE last_modified END,
          fingerprint = CASE WHEN $9::bool THEN $12 ELSE fingerprint END,
          last_seq = last_seq + $13::int
    WHERE id = $1 AND fetch_owner = $2 RETURNING id AS "topicId", last_seq AS seq, policy`,
);
const release = sql("UPDATE topics SET fetch_owner = NULL, lease_until = NULL WHERE id = $1 AND fetch_owner = $2");
const setPolicy = sql("UPDATE topics SET policy = $2 WHERE md5(url) = md5($1::text) AND url = $1");
const removeIdle = sql(
  `DELETE FROM topics WHERE id = ANY(ARRAY(
     SELECT t.id FROM topics t WHERE t.subscribers = 0 AND t.fetch_owner IS NULL
        AND NOT EXISTS (SELECT 1 FROM publications p WHERE p.topic_id = t.id)
        AND NOT EXISTS (SELECT 1 FROM fan_outs f WHERE f.topic_id = t.id)
      ORDER BY t.id LIMIT $1 FOR UPDATE OF t SKIP LOCKED))`,
);

export function createTopics(db: Database): TopicStore {
  const claim = createClaimDue<TopicRow>(db, claimables.topics, db.leaseMs * 2);
  const pingGathered = gather(db, (pings: readonly Ping[]) => pingAll(db, pings));

  return {
    async find(url) {
      const [row] = await db.all<TopicRow>(byUrl, url);
      return row && toTopic(row);
    },
    ping: (urls, minIntervalMs, now) => pingGathered({ urls, minIntervalMs, now }),
    async claimFetches(limit, perHost, now) {
      const { rows, token } = await claim(limit, perHost, now);
      return rows.map((row) => toFetchClaim(row, token));
    },
    settleFetch: (fetch, outcome, minIntervalMs, now) => settleFetch(db, fetch, outcome, minIntervalMs, now),
    async release({ topicId, token }) {
      await db.run(release, topicId, token);
    },
    async setPolicy(url, policy) {
      if ((await db.run(setPolicy, url, policy)) === 0)
        throw new HubError("not_found", `the topic ${url} is not known`);
    },
    removeIdle: (limit) => db.run(removeIdle, limit),
  };
}

type Ping = { readonly urls: readonly string[]; readonly minIntervalMs: number; readonly now: Date };

async function pingAll(db: Database, pings: readonly Ping[]): Promise<readonly (readonly string[])[]> {
  const byTopic = new Map(pings.flatMap((one) => one.urls.map((url) => [url, one] as const)));
  const times = [...byTopic.values()].map(({ now }) => now.getTime());
  const intervals = [...byTopic.values()].map(({ minIntervalMs }) => minIntervalMs);
  const rows = await db.all<{ readonly url: string }>(ping, [...byTopic.keys()], times, intervals);
  const known = new Set(rows.map(({ url }) => url));
  return pings.map(({ urls }) => urls.filter((url) => known.has(url)));
}

async function settleFetch(
  db: Database,
  claim: FetchClaim,
  outcome: FetchOutcome,
  minIntervalMs: number,
  now: Date,
): Promise<boolean> {
  const settleIn = (session: Session) =>
    session.all<Numbered>(settle, ...toColumns(claim, outcome, minIntervalMs, now));
  if (outcome.kind !== "changed") return (await settleIn(db)).length > 0;
  return db.transact(async (session) => {
    const [numbered] = await settleIn(session);
    if (numbered === undefined) return false;
    await publish(session, numbered, outcome.content, bodyNameOf(claim), now);
    return true;
  });
}

function toColumns(claim: FetchClaim, outcome: FetchOutcome, minIntervalMs: number, now: Date): readonly unknown[] {
  const { reason, failures = 0, retryAt } = outcome.kind === "failed" ? outcome : {};
  const seen = outcome.kind === "failed" ? undefined : outcome.validators;
  const fingerprint = outcome.kind === "changed" ? outcome.fingerprint : claim.fingerprint;
  const fetched = [toText(reason), claim.pings, retryAt?.getTime() ?? null, now.getTime(), minIntervalMs, failures];
  const content = [seen !== undefined, toText(seen?.etag), toText(seen?.lastModified), fingerprint ?? null];
  return [claim.topicId, claim.token, ...fetched, ...content, outcome.kind === "changed" ? 1 : 0];
}
