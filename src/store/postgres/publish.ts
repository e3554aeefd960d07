import type { Content } from "../../model/topic.ts";
import { tellNews } from "./news.ts";
import { type Session, sql } from "./statement.ts";

/** A topic whose row this transaction has locked by numbering the publication. */
export type Numbered = { readonly topicId: number; readonly seq: number; readonly policy: "latest" | "every" };

const stopCutting = sql(
  `UPDATE fan_outs SET cut_done = true, done = (open = 0), done_at = CASE WHEN open = 0 THEN $2::bigint END
    WHERE topic_id = $1 AND NOT done AND NOT cut_done RETURNING seq, cursor`,
);
const insert = sql(
  `WITH publication AS (
     INSERT INTO publications (topic_id, seq, content_type, links, published_at, body) VALUES ($1, $2, $3, $4, $5, $6))
   INSERT INTO fan_outs (topic_id, seq, start, cursor) VALUES ($1, $2, $7, $7) RETURNING ${tellNews}`,
);

/**
 * Adds a publication to its topic's log and starts its fan-out: a few rows, whatever the number of subscribers. On a
 * `latest` topic it stops what is not yet cut of the one before and starts where that stopped, so that frequent
 * publishing starves nobody.
 */
export async function publish(
  session: Session,
  { topicId, seq, policy }: Numbered,
  { body, contentType, links }: Content,
  now: Date,
): Promise<void> {
  const stopped =
    policy === "latest"
      ? await session.all<{ readonly seq: number; readonly cursor: number }>(stopCutting, topicId, now.getTime())
      : [];
  const newest = stopped.toSorted((a, b) => b.seq - a.seq)[0];
  const start = newest?.cursor ?? 0;
  await session.run(insert, topicId, seq, contentType, JSON.stringify(links), now.getTime(), body, start);
}
