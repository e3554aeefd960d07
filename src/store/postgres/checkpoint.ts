import type { ChunkClaim, ChunkReport, FallBehind, Gone } from "../../model/delivery.ts";
import { originOf } from "../../model/origin.ts";
import { hastenedByCodes } from "../rows/hastened-by.ts";
import { logAttempts } from "./attempts.ts";
import { endSubscriptions } from "./end-subscriptions.ts";
import { leaseFrom } from "./lease.ts";
import { type Session, sql } from "./statement.ts";
import type { Transaction } from "./transaction.ts";

const fence = sql("SELECT 1 FROM chunks WHERE id = $1 AND owner = $2 FOR UPDATE");
const keep = sql(
  `UPDATE chunks SET todo = $2, delivered = delivered + $3::int, behind = behind + $4::int, gone = gone + $5::int,
          lease_until = ${leaseFrom("$6")} WHERE id = $1`,
);
// The counter decides what is done: of the last two chunks the second waits for the first. All nodes that deliver a publication
// write its row, so it is locked by the last statement, and for no longer than that takes.
const close = sql(
  `WITH closed AS (DELETE FROM chunks WHERE id = $1 RETURNING *)
   UPDATE fan_outs f SET delivered = f.delivered + c.delivered + $2::int, behind = f.behind + c.behind + $3::int,
          gone = f.gone + c.gone + $4::int, open = f.open - 1, done = (f.cut_done AND f.open = 1),
          done_at = CASE WHEN f.cut_done AND f.open = 1 THEN $5::bigint END
     FROM closed c WHERE f.topic_id = c.topic_id AND f.seq = c.seq`,
);
// Of those who are still subscribed, and stay so until this is written.
const fallBehind = sql(
  `INSERT INTO behind (subscription_id, topic_id, origin, next, newest, attempts, due_at, retry_at, hastened_by, owner,
                       lease_until)
   SELECT s.id, $1::bigint, b.origin, $2::bigint, $2::bigint, b.attempts, b.due_at, b.due_at, b.hastened_by, b.owner,
          CASE WHEN b.owner IS NOT NULL THEN ${leaseFrom("$3")} END
     FROM unnest($4::bigint[], $5::text[], $6::int[], $7::bigint[], $8::int[], $9::text[])
          b(id, origin, attempts, due_at, hastened_by, owner)
     JOIN subscriptions s ON s.id = b.id ORDER BY s.id FOR KEY SHARE OF s
   ON CONFLICT (subscription_id) DO NOTHING`,
);
const unchanged = sql(
  `SELECT s.id FROM unnest($1::bigint[], $2::int[]) g(id, generation)
     JOIN subscriptions s ON s.id = g.id AND s.generation = g.generation ORDER BY s.id FOR UPDATE OF s`,
);

/** Writes a chunk's report. The first statement is the fence and the lock: without the claim nothing follows. */
export async function checkpoint(
  session: Transaction,
  chunk: ChunkClaim,
  report: ChunkReport,
  now: Date,
  leaseMs: number,
): Promise<"kept" | "lost"> {
  if ((await session.all(fence, chunk.id, chunk.token)).length === 0) return "lost";
  const ended = await endGone(session, report.gone);
  const stillThere = report.gone.filter(({ subscriptionId }) => !ended.has(subscriptionId));
  const gone = report.gone.length - stillThere.length;
  const behind = await addBehind(session, chunk, [...report.behind, ...stillThere], leaseMs);
  await logAttempts(session, report.log);
  if (report.left.length === 0) await session.finish(close, chunk.id, report.delivered, behind, gone, now.getTime());
  else await session.finish(keep, chunk.id, report.left, report.delivered, behind, gone, leaseMs);
  return "kept";
}

/** Someone who unsubscribed meanwhile is owed nothing. Resolves to how many fell behind. */
async function addBehind(
  session: Session,
  { topicId, seq, recipients }: ChunkClaim,
  all: readonly FallBehind[],
  leaseMs: number,
): Promise<number> {
  if (all.length === 0) return 0;
  const callbacks = new Map(recipients.map(({ subscriptionId, callback }) => [subscriptionId, callback]));
  const known = all.flatMap((one) => {
    const callback = callbacks.get(one.subscriptionId);
    return callback === undefined ? [] : [{ ...one, origin: originOf(callback) }];
  });
  return session.run(
    fallBehind,
    topicId,
    seq,
    leaseMs,
    known.map(({ subscriptionId }) => subscriptionId),
    known.map(({ origin }) => origin),
    known.map(({ attempts }) => attempts),
    known.map(({ dueAt }) => dueAt.getTime()),
    known.map(({ hastenedBy }) => hastenedByCodes[hastenedBy]),
    known.map(({ token }) => token ?? null),
  );
}

/** Ends the subscriptions that answered 410, if they are still those the attempts knew. Resolves to these. */
export async function endGone(
  session: Transaction,
  gone: readonly Pick<Gone, "subscriptionId" | "generation">[],
): Promise<ReadonlySet<number>> {
  if (gone.length === 0) return new Set();
  const ids = gone.map(({ subscriptionId }) => subscriptionId);
  const generations = gone.map(({ generation }) => generation);
  const rows = await session.all<{ readonly id: number }>(unchanged, ids, generations);
  const ended = await endSubscriptions(
    session,
    rows.map(({ id }) => id),
  );
  return new Set(ended);
}
