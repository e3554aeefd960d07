import type { Content } from "../../model/topic.ts";
import { toBodyColumns } from "../rows/body-parts.ts";
import type { Database } from "./database.ts";

type Numbered = { readonly seq: number; readonly policy: "latest" | "every" };

/**
 * Adds a publication to its topic's log and starts its fan-out, inside a write: a few rows, whatever the number of
 * subscribers. On a `latest` topic it stops what is not yet cut of the one before and starts where that stopped, so
 * that frequent publishing starves nobody. `bodyName`: that of the parts in which the body is stored already, if it is large.
 */
export function createPublish({
  connection,
}: Database): (topicId: number, content: Content, bodyName: string, now: Date) => void {
  const number = connection.prepare<[number], Numbered>(
    "UPDATE topics SET last_seq = last_seq + 1 WHERE id = ? RETURNING last_seq AS seq, policy",
  );
  const insert = connection.prepare(
    `INSERT INTO publications (topic_id, seq, content_type, links, published_at, body, large_body)
     VALUES (@topicId, @seq, @contentType, @links, @publishedAt, @body, @largeBody)`,
  );
  const stopCutting = connection.prepare<object, { readonly seq: number; readonly cursor: number }>(
    `UPDATE fan_outs SET cut_done = 1, done = (open = 0), done_at = CASE WHEN open = 0 THEN @now END
      WHERE topic_id = @topicId AND done = 0 AND cut_done = 0 RETURNING seq, cursor`,
  );
  const start = connection.prepare(
    "INSERT INTO fan_outs (topic_id, seq, start, cursor) VALUES (@topicId, @seq, @cursor, @cursor)",
  );

  return (topicId, content, bodyName, now) => {
    const numbered = number.get(topicId);
    if (numbered === undefined) throw new Error(`topic ${topicId} is gone`);
    const { seq, policy } = numbered;
    const [contentType, links, publishedAt] = [content.contentType, JSON.stringify(content.links), now.getTime()];
    insert.run({ topicId, seq, contentType, links, publishedAt, ...toBodyColumns(content.body, bodyName) });
    const stopped = policy === "latest" ? stopCutting.all({ topicId, now: now.getTime() }) : [];
    const newest = stopped.toSorted((a, b) => b.seq - a.seq)[0];
    start.run({ topicId, seq, cursor: newest?.cursor ?? 0 });
  };
}
