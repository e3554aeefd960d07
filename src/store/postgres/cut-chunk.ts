import { randomUUID } from "node:crypto";

import type { ChunkClaim } from "../../model/delivery.ts";
import { pageSize, logsSuccesses, whereNext } from "../rows/page.ts";
import { type Moment, passOverLapsed } from "./give-up.ts";
import { leaseFrom } from "./lease.ts";
import { readRecipient, type StoredRecipient } from "./recipients.ts";
import { takeNextFanOut, type Turn } from "./next-fan-out.ts";
import { sql } from "./statement.ts";
import type { Transaction } from "./transaction.ts";

type OpenRow = { readonly id: number; readonly todo: readonly number[] };
type Member = StoredRecipient & {
  readonly first_seq: number;
  readonly expires_at: number;
  readonly isHanded: boolean;
};

export type Cut = { readonly kind: "idle" | "cut" } | { readonly kind: "chunk"; readonly chunk: ChunkClaim };

// A page, and who of it was handed over: $4 the publication, $5 the time that leases are judged by, $6 the policy. Rows of `behind` are locked in the
// order of ids, as settling locks them too.
const page = sql(
  `WITH page AS MATERIALIZED (
     SELECT id, callback, secret, signature_method, generation, first_seq, expires_at FROM subscriptions
      WHERE topic_id = $1 AND id > $2 AND id <= $3 ORDER BY id LIMIT ${pageSize}),
   members AS MATERIALIZED (
     SELECT subscription_id FROM behind
      WHERE subscription_id = ANY(ARRAY(SELECT id FROM page WHERE first_seq <= $4 AND expires_at > $5))
      ORDER BY subscription_id FOR UPDATE),
   handed AS (
     UPDATE behind b SET newest = greatest(newest, $4), next = CASE WHEN owner IS NULL AND $6::bool THEN $4 ELSE next END
       FROM members WHERE b.subscription_id = members.subscription_id RETURNING b.subscription_id)
   SELECT page.*, handed.subscription_id IS NOT NULL AS "isHanded"
     FROM page LEFT JOIN handed ON handed.subscription_id = page.id ORDER BY page.id`,
);
// Who unsubscribed since the page was read had their row of `behind` removed too, and was not handed over.
const open = sql(
  `WITH opened AS (
     INSERT INTO chunks (topic_id, seq, owner, todo, lease_until)
     SELECT $1::bigint, $2::bigint, $3::text, array_agg(id ORDER BY id), ${leaseFrom("$5")} FROM subscriptions
      WHERE id = ANY($4::bigint[]) HAVING count(*) > 0
     RETURNING id, todo),
   counted AS (SELECT count(*)::int AS opened FROM opened),
   advanced AS (
     UPDATE fan_outs SET cursor = $6, wrapped = $7, cut_done = $8, cuts = cuts + 1, open = open + opened,
            handed_over = handed_over + $9::int, done = ($8 AND open + opened = 0),
            done_at = CASE WHEN $8 AND open + opened = 0 THEN $10::bigint END
       FROM counted WHERE topic_id = $1 AND seq = $2)
   SELECT id, todo FROM opened`,
);

/**
 * Cuts the next page of subscriptions off a fan-out. Those that are behind are handed over to catch-up by one UPDATE,
 * whose RETURNING alone decides; the rest become a chunk (engine-protocol, Q1). All nodes want the fan-out's row, so there
 * are few ways to the server and back while it is locked.
 */
export async function cutChunk(
  session: Transaction,
  turn: Turn,
  except: readonly number[],
  moment: Moment,
  leaseMs: number,
): Promise<Cut> {
  const { now, leaseNow } = moment;
  const next = await takeNextFanOut(session, turn, except);
  if (next === undefined) return { kind: "idle" };
  const { topic_id: topicId, seq, cursor: after, policy } = next;
  const until = next.wrapped ? next.start : Number.MAX_SAFE_INTEGER;
  const members = await session.all<Member>(page, topicId, after, until, seq, leaseNow.getTime(), policy === "latest");
  const entitled = members.filter((member) => member.first_seq <= seq);
  const owed = await passOverLapsed(session, entitled, { topicId, seq }, moment);
  const rest = owed.filter((member) => !member.isHanded).map(readRecipient);
  const { cursor, wrapped, finished } = whereNext(next, members);
  const token = randomUUID();
  const ids = rest.map((member) => member.subscriptionId);
  const progress = [cursor, wrapped, finished, owed.length - rest.length, now.getTime()];
  const [row] = await session.finish<OpenRow>(open, topicId, seq, token, ids, leaseMs, ...progress);
  if (row === undefined) return { kind: "cut" };
  const todo = new Set(row.todo);
  const recipients = rest.filter((member) => todo.has(member.subscriptionId));
  return { kind: "chunk", chunk: { id: row.id, token, topicId, seq, recipients, logSuccesses: logsSuccesses(next) } };
}
