import { randomUUID } from "node:crypto";

import type { ChunkClaim } from "../../model/delivery.ts";
import type { FanOutProgress, FanOutStore } from "../fan-out-store.ts";
import { logsSuccesses } from "../rows/page.ts";
import { checkpoint } from "./checkpoint.ts";
import { cutChunk } from "./cut-chunk.ts";
import type { Database } from "./database.ts";
import { isLockTimeout } from "./fault.ts";
import { type Moment, passOverLapsed } from "./give-up.ts";
import { leaseFrom } from "./lease.ts";
import type { Turn } from "./next-fan-out.ts";
import { readRecipient, type StoredRecipient } from "./recipients.ts";
import { type Session, sql } from "./statement.ts";

const laterWaits = sql("SELECT 1 FROM fan_outs WHERE topic_id = $1 AND seq > $2 AND NOT done LIMIT 1");
const byKey = sql(
  `SELECT f.done, f.handed_over AS "handedOver", f.delivered + coalesce(sum(c.delivered), 0)::bigint AS delivered,
          f.behind + coalesce(sum(c.behind), 0)::bigint AS behind, f.gone + coalesce(sum(c.gone), 0)::bigint AS gone
     FROM fan_outs f LEFT JOIN chunks c ON c.topic_id = f.topic_id AND c.seq = f.seq
    WHERE f.topic_id = $1 AND f.seq = $2 GROUP BY f.topic_id, f.seq`,
);
const release = sql("UPDATE chunks SET owner = '', lease_until = '-infinity' WHERE id = $1 AND owner = $2");
const removeDone = sql(
  `DELETE FROM fan_outs WHERE (topic_id, seq) IN
     (SELECT f.topic_id, f.seq FROM fan_outs f WHERE f.done_at < $1
         AND NOT EXISTS (SELECT 1 FROM publications p WHERE p.topic_id = f.topic_id AND p.seq = f.seq) LIMIT $2)`,
);

export function createFanOuts(db: Database): FanOutStore {
  const turn: Turn = { lastTopicId: 0 };
  return {
    async claimChunk(now, except = []) {
      const moment = { now, leaseNow: db.leaseTime(now) };
      try {
        return await db.transact(async (session) => {
          const chunk = await reclaim(session, moment, db.leaseMs);
          return chunk ? { kind: "chunk", chunk } : await cutChunk(session, turn, except, moment, db.leaseMs);
        });
      } catch (error) {
        // Somebody stopped in the middle of cutting, and will be put out.
        if (isLockTimeout(error)) return { kind: "idle" };
        throw error;
      }
    },
    checkpoint: (chunk, report, now) => db.transact((session) => checkpoint(session, chunk, report, now, db.leaseMs)),
    async release({ id, token }) {
      await db.run(release, id, token);
    },
    isLaterWaiting: async ({ topicId, seq }) => (await db.all(laterWaits, topicId, seq)).length > 0,
    progress: async ({ topicId, seq }) => (await db.all<FanOutProgress>(byKey, topicId, seq))[0],
    removeDone: (before, limit) => db.run(removeDone, before.getTime(), limit),
  };
}

type Orphan = {
  readonly id: number;
  readonly topic_id: number;
  readonly seq: number;
  readonly todo: readonly number[];
  readonly subscribers: number;
};

const takeOver = sql(
  `WITH orphan AS MATERIALIZED (
     SELECT id FROM chunks WHERE lease_until <= now() ORDER BY topic_id, id LIMIT 1 FOR UPDATE SKIP LOCKED)
   UPDATE chunks c SET owner = $1, lease_until = ${leaseFrom("$2")} FROM orphan WHERE c.id = orphan.id
   RETURNING c.id, c.topic_id, c.seq, c.todo, (SELECT subscribers FROM topics t WHERE t.id = c.topic_id) AS subscribers`,
);
const members = sql(
  `SELECT id, callback, secret, signature_method, generation, expires_at FROM subscriptions
    WHERE id = ANY($1::bigint[]) ORDER BY id`,
);
const shorten = sql("UPDATE chunks SET todo = $2 WHERE id = $1");

/** Takes over a chunk whose lease is over, with what is left of it. Who has unsubscribed since is no longer in it. */
async function reclaim(session: Session, moment: Moment, leaseMs: number): Promise<ChunkClaim | undefined> {
  const token = randomUUID();
  const [row] = await session.all<Orphan>(takeOver, token, leaseMs);
  if (row === undefined) return undefined;
  const { id, topic_id: topicId, seq } = row;
  const left = await session.all<StoredRecipient & { readonly expires_at: number }>(members, row.todo);
  const owed = await passOverLapsed(session, left, { topicId, seq }, moment);
  if (owed.length < row.todo.length)
    await session.run(
      shorten,
      id,
      owed.map((member) => member.id),
    );
  return { id, token, topicId, seq, recipients: owed.map(readRecipient), logSuccesses: logsSuccesses(row) };
}
