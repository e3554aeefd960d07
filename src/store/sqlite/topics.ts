import { HubError } from "../../errors.ts";
import type { FetchClaim, FetchOutcome } from "../../model/topic.ts";
import { toFetchClaim, toTopic, type TopicRow } from "../rows/topic-row.ts";
import { bodyNameOf, isLargeBody } from "../rows/body-parts.ts";
import type { TopicStore } from "../topic-store.ts";
import { createClaimDue } from "./claim-due.ts";
import type { Database } from "./database.ts";
import { claimables } from "./due-places.ts";
import { createLargeBodies } from "./large-bodies.ts";
import { createPublish } from "./publish.ts";

export function createTopics(db: Database): TopicStore {
  const { connection, write, claim, read } = db;
  const byUrl = connection.prepare<[string], TopicRow>("SELECT * FROM topics WHERE url = ?");
  // It never puts off what is due already: a topic that is pinged all the time would wait for ever.
  const ping = connection.prepare(
    `UPDATE topics SET pings = pings + 1, fetch_failures = 0,
            fetch_due_at = min(coalesce(fetch_due_at, ${Number.MAX_SAFE_INTEGER}),
                               max(@now, coalesce(fetch_started_at, 0) + @minIntervalMs))
      WHERE url = @url AND subscribers > 0 RETURNING url`,
  );
  const claimFetches = createClaimDue(db, {
    table: claimables.topics,
    set: "fetch_started_at = @now",
    toClaim: toFetchClaim,
  });
  const setPolicy = connection.prepare("UPDATE topics SET policy = ? WHERE url = ?");
  const removeIdle = connection.prepare(
    `DELETE FROM topics WHERE id IN
       (SELECT t.id FROM topics t WHERE t.subscribers = 0 AND t.fetch_owner IS NULL
           AND NOT EXISTS (SELECT 1 FROM publications p WHERE p.topic_id = t.id)
           AND NOT EXISTS (SELECT 1 FROM fan_outs f WHERE f.topic_id = t.id) LIMIT +?)`,
  );
  const release = connection.prepare("UPDATE topics SET fetch_owner = NULL WHERE id = ? AND fetch_owner = ?");
  const settle = createSettleFetch(db);
  const largeBodies = createLargeBodies(db);

  return {
    async find(url) {
      const row = await read(() => byUrl.get(url));
      return row && toTopic(row);
    },
    ping: (urls, minIntervalMs, now) =>
      write(() => urls.filter((url) => ping.get({ url, minIntervalMs, now: now.getTime() }) !== undefined)),
    claimFetches,
    settleFetch(fetch, outcome, minIntervalMs, now) {
      const settleAlone = () => write(() => settle(fetch, outcome, minIntervalMs, now));
      if (outcome.kind !== "changed" || !isLargeBody(outcome.content.body)) return settleAlone();
      return largeBodies.around(bodyNameOf(fetch), outcome.content.body, settleAlone);
    },
    release: ({ topicId, token }) =>
      claim(() => {
        release.run(topicId, token);
      }),
    setPolicy: (url, policy) =>
      write(() => {
        if (setPolicy.run(policy, url).changes === 0) throw new HubError("not_found", `the topic ${url} is not known`);
      }),
    removeIdle: (limit) => write(() => removeIdle.run(limit).changes),
  };
}

function createSettleFetch(db: Database) {
  const publish = createPublish(db);
  const settle = db.connection.prepare<object, { readonly pings: number; readonly fetch_started_at: number }>(
    `UPDATE topics SET fetch_owner = NULL, fetch_due_at = @retryAt, fetch_error = @reason,
            fetch_failures = @failures
      WHERE id = @topicId AND fetch_owner = @token RETURNING pings, fetch_started_at`,
  );
  const fetchAgain = db.connection.prepare("UPDATE topics SET fetch_due_at = ?, fetch_failures = 0 WHERE id = ?");
  const see = db.connection.prepare("UPDATE topics SET etag = ?, last_modified = ?, fingerprint = ? WHERE id = ?");

  return (claim: FetchClaim, outcome: FetchOutcome, minIntervalMs: number, now: Date): boolean => {
    const { topicId, token } = claim;
    const failed = outcome.kind === "failed" ? outcome : undefined;
    const { reason = null, failures = 0, retryAt } = failed ?? {};
    const topic = settle.get({ topicId, token, reason, failures, retryAt: retryAt?.getTime() ?? null });
    if (topic === undefined) return false;
    if (topic.pings !== claim.pings) {
      fetchAgain.run(Math.max(now.getTime(), topic.fetch_started_at + minIntervalMs), topicId);
    }
    if (outcome.kind === "failed") return true;
    const fingerprint = outcome.kind === "changed" ? outcome.fingerprint : (claim.fingerprint ?? null);
    see.run(outcome.validators.etag ?? null, outcome.validators.lastModified ?? null, fingerprint, topicId);
    if (outcome.kind === "changed") publish(topicId, outcome.content, bodyNameOf(claim), now);
    return true;
  };
}
