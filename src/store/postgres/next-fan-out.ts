import { type Session, type Statement, sql } from "./statement.ts";

export type FanOutRow = {
  readonly topic_id: number;
  readonly seq: number;
  readonly start: number;
  readonly cursor: number;
  readonly wrapped: boolean;
  readonly policy: "latest" | "every";
  readonly subscribers: number;
};

/** The topic that a node has last cut of where topics take turns. */
export type Turn = { lastTopicId: number };

/** Fan-outs that are looked at in turn. Beyond them they may be a long queue of one topic, all but the first of which must wait. */
const near = 100;

/** Publication N+1 is cut only when all before it are done: a stale snapshot can only delay that. */
function nearestFanOut(unlessLocked: "SKIP LOCKED" | ""): Statement {
  return sql(
    `SELECT f.*, t.policy, t.subscribers FROM fan_outs f JOIN topics t ON t.id = f.topic_id
      WHERE NOT f.cut_done AND NOT f.topic_id = ANY($1::bigint[])
        AND (f.cuts, f.id) <= (
          SELECT b.cuts, b.id FROM (
            (SELECT cuts, id FROM fan_outs WHERE NOT cut_done ORDER BY cuts, id OFFSET ${near - 1} LIMIT 1) UNION ALL
            SELECT ${2 ** 31 - 1}, ${Number.MAX_SAFE_INTEGER}) b LIMIT 1)
        AND NOT EXISTS (SELECT 1 FROM fan_outs e WHERE e.topic_id = f.topic_id AND e.seq < f.seq AND NOT e.done)
      ORDER BY f.cuts, f.id LIMIT 1 FOR UPDATE OF f ${unlessLocked}`,
  );
}

const nearestFree = nearestFanOut("SKIP LOCKED");
const nearestAny = nearestFanOut("");
const isMore = sql(`SELECT 1 FROM fan_outs WHERE NOT cut_done ORDER BY cuts, id OFFSET ${near} LIMIT 1`);
const following = (after: string) =>
  `SELECT e.topic_id, e.seq FROM fan_outs e WHERE NOT e.done AND e.topic_id > ${after} ORDER BY e.topic_id, e.seq LIMIT 1`;
const firstOfTopics = sql(
  `WITH RECURSIVE first AS (
     (${following("$1")}) UNION ALL
     SELECT following.* FROM first CROSS JOIN LATERAL (${following("first.topic_id")}) following)
   SELECT f.*, t.policy, t.subscribers FROM first JOIN fan_outs f USING (topic_id, seq) JOIN topics t ON t.id = f.topic_id
    WHERE NOT f.cut_done AND NOT f.topic_id = ANY($2::bigint[]) LIMIT 1 FOR UPDATE OF f SKIP LOCKED`,
);

/**
 * Locks the fan-out whose turn it is: of those that may be cut that with the fewest pages cut, then the oldest. What other nodes are
 * cutting just now comes last: that is waited for, as there may be more of it. Where queues of topics in `except`, or of topics
 * whose first is not done, are in the way, the topics take turns instead, however long the queues are.
 */
export async function takeNextFanOut(
  session: Session,
  turn: Turn,
  except: readonly number[],
): Promise<FanOutRow | undefined> {
  for (const statement of [nearestFree, nearestAny]) {
    const [next] = await session.all<FanOutRow>(statement, except);
    if (next !== undefined) return next;
  }
  return (await session.all(isMore)).length === 0 ? undefined : takeInTurn(session, turn, except);
}

async function takeInTurn(session: Session, turn: Turn, except: readonly number[]): Promise<FanOutRow | undefined> {
  for (const after of [turn.lastTopicId, 0]) {
    const [next] = await session.all<FanOutRow>(firstOfTopics, after, except);
    turn.lastTopicId = next?.topic_id ?? 0;
    if (next !== undefined) return next;
  }
  return undefined;
}
