import { randomUUID } from "node:crypto";

import type { ChunkClaim } from "../../model/delivery.ts";
import type { PublicationKey } from "../../model/publication.ts";
import type { Recipient } from "../../model/subscription.ts";
import { pageSize, logsSuccesses, whereNext } from "../rows/page.ts";
import { passOverLapsed } from "./give-up.ts";
import { leaseFrom } from "./lease.ts";
import { readRecipient, type StoredRecipient } from "./recipients.ts";
import { type Session, type Statement, sql } from "./statement.ts";

type FanOutRow = {
  readonly topic_id: number;
  readonly seq: number;
  readonly start: number;
  readonly cursor: number;
  readonly wrapped: boolean;
  readonly policy: "latest" | "every";
  readonly subscribers: number;
};

type OpenRow = { readonly id: number; readonly todo: readonly number[] };
type Member = StoredRecipient & { readonly first_seq: number; readonly expires_at: number };

export type Cut = { readonly kind: "idle" | "cut" } | { readonly kind: "chunk"; readonly chunk: ChunkClaim };

/** Publication N+1 is cut only when all before it are done: a stale snapshot can only delay that. */
function nextFanOut(unlessLocked: "SKIP LOCKED" | ""): Statement {
  return sql(
    `SELECT f.*, t.policy, t.subscribers FROM fan_outs f JOIN topics t ON t.id = f.topic_id
      WHERE NOT f.cut_done AND NOT f.topic_id = ANY($1::bigint[])
        AND NOT EXISTS (SELECT 1 FROM fan_outs e WHERE e.topic_id = f.topic_id AND e.seq < f.seq AND NOT e.done)
      ORDER BY f.cuts, f.id LIMIT 1 FOR UPDATE OF f ${unlessLocked}`,
  );
}

const nextFree = nextFanOut("SKIP LOCKED");
const nextAny = nextFanOut("");
const page = sql(
  `SELECT id, callback, secret, signature_method, generation, first_seq, expires_at FROM subscriptions
    WHERE topic_id = $1 AND id > $2 AND id <= $3 ORDER BY id LIMIT ${pageSize}`,
);
// In the order of ids, as settling locks them too.
const handOver = sql(
  `WITH members AS MATERIALIZED (
     SELECT subscription_id FROM behind WHERE subscription_id = ANY($1::bigint[]) ORDER BY subscription_id FOR UPDATE)
   UPDATE behind b SET newest = greatest(newest, $2), next = CASE WHEN owner IS NULL AND $3::bool THEN $2 ELSE next END
     FROM members WHERE b.subscription_id = members.subscription_id RETURNING b.subscription_id`,
);
// Who unsubscribed since the page was read had their row of `behind` removed too, and was not handed over.
const open = sql(
  `INSERT INTO chunks (topic_id, seq, owner, todo, lease_until)
   SELECT $1::bigint, $2::bigint, $3::text, array_agg(id ORDER BY id), ${leaseFrom("$5")} FROM subscriptions
    WHERE id = ANY($4::bigint[]) HAVING count(*) > 0
   RETURNING id, todo`,
);
const advance = sql(
  `UPDATE fan_outs SET cursor = $3, wrapped = $4, cut_done = $5, cuts = cuts + 1, open = open + $6::int,
          handed_over = handed_over + $7::int, done = ($5 AND open + $6::int = 0),
          done_at = CASE WHEN $5 AND open + $6::int = 0 THEN $8::bigint END
    WHERE topic_id = $1 AND seq = $2`,
);

/**
 * Cuts the next page of subscriptions off a fan-out. Those that are behind are handed over to catch-up by one UPDATE,
 * whose RETURNING alone decides; the rest become a chunk (engine-protocol, Q1).
 */
export async function cutChunk(session: Session, except: readonly number[], now: Date, leaseMs: number): Promise<Cut> {
  const next = await takeNext(session, except);
  if (next === undefined) return { kind: "idle" };
  const { topic_id: topicId, seq } = next;
  const until = next.wrapped ? next.start : Number.MAX_SAFE_INTEGER;
  const members = await session.all<Member>(page, topicId, next.cursor, until);
  const entitled = members.filter((member) => member.first_seq <= seq);
  const owed = await passOverLapsed(session, entitled, { topicId, seq }, now);
  const handed = await handOverTo(session, next, owed);
  const rest = owed.filter((member) => !handed.has(member.id)).map(readRecipient);
  const chunk = await openChunk(session, { topicId, seq }, rest, leaseMs);
  const { cursor, wrapped, finished } = whereNext(next, members);
  const figures = [Number(chunk !== undefined), handed.size, now.getTime()];
  await session.run(advance, topicId, seq, cursor, wrapped, finished, ...figures);
  if (chunk === undefined) return { kind: "cut" };
  return { kind: "chunk", chunk: { ...chunk, logSuccesses: logsSuccesses(next) } };
}

async function openChunk(
  session: Session,
  { topicId, seq }: PublicationKey,
  members: readonly Recipient[],
  leaseMs: number,
): Promise<Omit<ChunkClaim, "logSuccesses"> | undefined> {
  if (members.length === 0) return undefined;
  const token = randomUUID();
  const ids = members.map((member) => member.subscriptionId);
  const [row] = await session.all<OpenRow>(open, topicId, seq, token, ids, leaseMs);
  if (row === undefined) return undefined;
  const todo = new Set(row.todo);
  const recipients = members.filter((member) => todo.has(member.subscriptionId));
  return { id: row.id, token, topicId, seq, recipients };
}

/** What other nodes are cutting just now comes last: that is waited for, as there may be more of it. */
async function takeNext(session: Session, except: readonly number[]): Promise<FanOutRow | undefined> {
  const [free] = await session.all<FanOutRow>(nextFree, except);
  return free ?? (await session.all<FanOutRow>(nextAny, except))[0];
}

async function handOverTo(
  session: Session,
  { seq, policy }: FanOutRow,
  owed: readonly Member[],
): Promise<ReadonlySet<number>> {
  if (owed.length === 0) return new Set();
  const ids = owed.map((member) => member.id);
  const rows = await session.all<{ readonly subscription_id: number }>(handOver, ids, seq, policy === "latest");
  return new Set(rows.map((row) => row.subscription_id));
}
