import type { NewIntent } from "../../model/intent.ts";
import { hostOf } from "../../model/origin.ts";
import { hostQuota } from "../rows/quota.ts";
import { endSubscriptions } from "./end-subscriptions.ts";
import { endLapsed, lockOwed } from "./give-up.ts";
import { readQuotas } from "./quotas.ts";
import { type Session, sql } from "./statement.ts";
import { toBytes } from "./text-columns.ts";
import type { Transaction } from "./transaction.ts";

/** A verified intent. It adds no subscription to a host that has `most`. */
export type Applied = {
  readonly intent: NewIntent;
  readonly verifiedAt: Date;
  readonly now: Date;
  /** The time that leases are judged by. */
  readonly leaseNow: Date;
  readonly most: number;
};

type TopicRow = { readonly id: number; readonly url: string; readonly last_seq: number };
type Existing = { readonly n: number; readonly id: number; readonly expires_at: number };
type Placed = Applied & { readonly topic: TopicRow };
type Matched = Placed & { readonly existing: Existing | undefined };

const lockTopics = sql(
  `SELECT id, url, last_seq FROM topics
    WHERE md5(url) = ANY(ARRAY(SELECT md5(u) FROM unnest($1::text[]) u)) AND url = ANY($1::text[])
    ORDER BY id FOR NO KEY UPDATE`,
);
const addTopics = sql(
  `INSERT INTO topics (url, host, policy) SELECT u.url, u.host, 'latest' FROM unnest($1::text[], $2::text[]) u(url, host)
    ORDER BY u.url ON CONFLICT (md5(url)) DO NOTHING`,
);
const findExisting = sql(
  `SELECT p.n, s.id, s.expires_at FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY p(topic_id, callback, n)
     JOIN subscriptions s ON s.topic_id = p.topic_id AND md5(s.callback) = md5(p.callback) AND s.callback = p.callback
    ORDER BY s.id FOR UPDATE OF s`,
);
const renew = sql(
  `UPDATE subscriptions s SET secret = r.secret, client = r.client, signature_method = r.signature_method, verified_at = r.verified_at,
          expires_at = r.expires_at, generation = generation + 1
     FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
          r(id, secret, client, signature_method, verified_at, expires_at)
    WHERE s.id = r.id`,
);
const create = sql(
  `WITH created AS (
     INSERT INTO subscriptions (topic_id, first_seq, callback, secret, client, signature_method, verified_at, expires_at)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::bigint[], $8::bigint[])
     RETURNING topic_id),
   counts AS (SELECT topic_id, count(*) AS created FROM created GROUP BY topic_id)
   UPDATE topics t SET subscribers = subscribers + c.created FROM counts c WHERE t.id = c.topic_id`,
);

/** `full`: their host has as many as it may. `standing`: there is a subscription in force. */
export type Application<Intent> = { readonly full: ReadonlySet<Intent>; readonly standing: ReadonlySet<Intent> };

/**
 * What verified intents, at most one of each pair, do to their subscriptions. Those in force are renewed, or left as they are;
 * nothing is done for those whose host is full.
 */
export async function applyIntents<A extends Applied>(
  session: Transaction,
  applied: readonly A[],
  inForce: "renew" | "leave" = "renew",
): Promise<Application<A["intent"]>> {
  if (applied.length === 0) return { full: new Set(), standing: new Set() };
  const topics = await lockAll(session, applied);
  const placed = applied.flatMap((one): readonly Placed[] => {
    const topic = topics.get(one.intent.topic);
    return topic === undefined ? [] : [{ ...one, topic }];
  });
  const matched = await match(session, placed);
  await endSome(session, matched);
  const subscribing = matched.filter(({ intent }) => intent.mode === "subscribe");
  const standing = subscribing.filter((one) => one.existing !== undefined && !isLapsed(one));
  const wanted = subscribing.filter((one) => one.existing === undefined || isLapsed(one));
  const full = await findFull(session, wanted);
  const created = wanted.filter(({ intent }) => !full.has(intent));
  if (standing.length > 0 && inForce === "renew")
    await session.run(
      renew,
      standing.map(({ existing }) => existing?.id),
      ...toTerms(standing),
    );
  if (created.length > 0) await createAll(session, created);
  return { full, standing: new Set(standing.map(({ intent }) => intent)) };
}

/** Of those who would be subscribed anew, and have no subscription that is over, those whose host has as many as it may. */
async function findFull(session: Session, wanted: readonly Matched[]): Promise<ReadonlySet<NewIntent>> {
  const bounded = wanted.filter(({ existing, most }) => existing === undefined && most < Infinity);
  const nameOf = ({ intent }: Matched) => hostQuota(hostOf(intent.callback));
  const quotas = await readQuotas(session, bounded.map(nameOf));
  const full = bounded.filter((one) => {
    const isFull = quotas.get(nameOf(one)).subscriptions >= one.most;
    if (!isFull) quotas.add(nameOf(one), { subscriptions: 1 });
    return isFull;
  });
  return new Set(full.map(({ intent }) => intent));
}

async function createAll(session: Transaction, created: readonly Matched[]): Promise<void> {
  for (const { intent } of created) session.count(hostQuota(hostOf(intent.callback)), { subscriptions: 1 });
  await session.run(
    create,
    created.map(({ topic }) => topic.id),
    // A new subscription is owed what is published after it: the topic's row, now locked, says which number that will be.
    created.map(({ topic }) => topic.last_seq + 1),
    created.map(({ intent }) => intent.callback),
    ...toTerms(created),
  );
}

/** The rows of all topics, locked until the transaction ends. Those somebody subscribes to are made if they are not known. */
async function lockAll(session: Session, applied: readonly Applied[]): Promise<ReadonlyMap<string, TopicRow>> {
  const urls = [...new Set(applied.map(({ intent }) => intent.topic))];
  const wanted = new Set(applied.flatMap(({ intent }) => (intent.mode === "subscribe" ? [intent.topic] : [])));
  for (;;) {
    const rows = await session.all<TopicRow>(lockTopics, urls);
    const known = new Map(rows.map((row) => [row.url, row]));
    const missing = [...wanted].filter((url) => !known.has(url));
    if (missing.length === 0) return known;
    await session.run(addTopics, missing, missing.map(hostOf));
  }
}

async function match(session: Session, placed: readonly Placed[]): Promise<readonly Matched[]> {
  const topicIds = placed.map(({ topic }) => topic.id);
  const callbacks = placed.map(({ intent }) => intent.callback);
  const rows = await session.all<Existing>(findExisting, topicIds, callbacks);
  const byPlace = new Map(rows.map((row) => [row.n, row]));
  return placed.map((one, i) => ({ ...one, existing: byPlace.get(i + 1) }));
}

/** Ends those that unsubscribe, and those whose renewal comes too late. */
async function endSome(session: Transaction, matched: readonly Matched[]): Promise<void> {
  const idsOf = (some: readonly Matched[]) =>
    some.flatMap(({ existing }) => (existing === undefined ? [] : [existing.id]));
  await endSubscriptions(session, idsOf(matched.filter(({ intent }) => intent.mode === "unsubscribe")));
  const late = matched.filter((one) => one.intent.mode === "subscribe" && isLapsed(one));
  for (const [ms, some] of Map.groupBy(late, ({ now }) => now.getTime())) {
    const ids = idsOf(some);
    await lockOwed(session, ids);
    await endLapsed(session, ids, new Date(ms));
  }
}

function isLapsed({ existing, leaseNow }: Matched): boolean {
  return existing !== undefined && existing.expires_at <= leaseNow.getTime();
}

/** The lease counts from the verification request (§5.3). */
function toTerms(applied: readonly Applied[]): readonly unknown[] {
  return [
    applied.map(({ intent }) => toBytes(intent.secret)),
    applied.map(({ intent }) => intent.client),
    applied.map(({ intent }) => intent.signatureMethod ?? null),
    applied.map(({ verifiedAt }) => verifiedAt.getTime()),
    applied.map(({ intent, verifiedAt }) => verifiedAt.getTime() + intent.leaseSeconds * 1000),
  ];
}
