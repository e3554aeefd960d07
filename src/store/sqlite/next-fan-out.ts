import type { Database } from "./database.ts";

export type FanOutRow = {
  readonly topic_id: number;
  readonly seq: number;
  readonly start: number;
  readonly cursor: number;
  readonly wrapped: number;
  readonly policy: "latest" | "every";
  readonly subscribers: number;
};

/** Fan-outs that are looked at in turn. Beyond them they may be a long queue of one topic, all but the first of which must wait. */
const near = 100;

/**
 * The fan-out whose turn it is: of those that may be cut that with the fewest pages cut, then the oldest. Where queues of topics in
 * `except`, or of topics whose first is not done, are in the way, the topics take turns instead, however long the queues are.
 */
export function createNextFanOut({ connection }: Database): (except: readonly number[]) => FanOutRow | undefined {
  const columns = "f.*, t.policy, t.subscribers";
  // A subquery with a limit gives its rows in order.
  const nearest = connection.prepare<[string], FanOutRow>(
    `SELECT ${columns} FROM (SELECT topic_id, seq FROM fan_outs WHERE cut_done = 0 ORDER BY cuts, rowid LIMIT ${near}) n
      CROSS JOIN fan_outs f ON f.topic_id = n.topic_id AND f.seq = n.seq JOIN topics t ON t.id = f.topic_id
      WHERE f.topic_id NOT IN (SELECT value FROM json_each(?))
        AND NOT EXISTS (SELECT 1 FROM fan_outs e WHERE e.topic_id = f.topic_id AND e.seq < f.seq AND e.done = 0) LIMIT 1`,
  );
  const isMore = connection.prepare(`SELECT 1 FROM fan_outs WHERE cut_done = 0 LIMIT 1 OFFSET ${near}`);
  const nextTopic = (after: string) => `SELECT min(topic_id) FROM fan_outs WHERE done = 0 AND topic_id > ${after}`;
  const firstOfTopics = connection.prepare<[number, string], FanOutRow>(
    `WITH RECURSIVE topic(id) AS (
       ${nextTopic("+?")} UNION ALL SELECT (${nextTopic("topic.id")}) FROM topic WHERE topic.id IS NOT NULL)
     SELECT ${columns} FROM topic
      CROSS JOIN fan_outs f ON f.topic_id = topic.id
             AND f.seq = (SELECT min(seq) FROM fan_outs e WHERE e.topic_id = topic.id AND e.done = 0)
       JOIN topics t ON t.id = f.topic_id
      WHERE f.cut_done = 0 AND f.topic_id NOT IN (SELECT value FROM json_each(?)) LIMIT 1`,
  );
  let lastTopicId = 0;

  function inTurn(except: string): FanOutRow | undefined {
    const next = firstOfTopics.get(lastTopicId, except) ?? firstOfTopics.get(0, except);
    lastTopicId = next?.topic_id ?? 0;
    return next;
  }

  return (except) => {
    const list = JSON.stringify(except);
    return nearest.get(list) ?? (isMore.get() === undefined ? undefined : inTurn(list));
  };
}
