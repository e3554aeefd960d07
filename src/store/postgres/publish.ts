import type { Content } from "../../model/topic.ts";
import { partsOf, toBodyColumns } from "../rows/body-parts.ts";
import { tellNews } from "./news.ts";
import { type Session, sql } from "./statement.ts";

/** A topic whose row this transaction has locked by numbering the publication. */
export type Numbered = { readonly topicId: number; readonly seq: number; readonly policy: "latest" | "every" };

const stopCutting = sql(
  `UPDATE fan_outs SET cut_done = true, done = (open = 0), done_at = CASE WHEN open = 0 THEN $2::bigint END
    WHERE topic_id = $1 AND NOT done AND NOT cut_done RETURNING seq, cursor`,
);
const insertPart = sql("INSERT INTO body_parts (name, part, bytes) VALUES ($1, $2, $3)");
const insert = sql(
  `WITH publication AS (
     INSERT INTO publications (topic_id, seq, content_type, links, published_at, body, large_body)
     VALUES ($1, $2, $3, $4, $5, $6, $7))
   INSERT INTO fan_outs (topic_id, seq, start, cursor) VALUES ($1, $2, $8, $8) RETURNING ${tellNews}`,
);

/**
 * Adds a publication to its topic's log and starts its fan-out: a few rows, whatever the number of subscribers. On a
 * `latest` topic it stops what is not yet cut of the one before and starts where that stopped, so that frequent
 * publishing starves nobody. `bodyName`: what the parts of its body are to be called, if it is large.
 */
export async function publish(
  session: Session,
  { topicId, seq, policy }: Numbered,
  content: Content,
  bodyName: string,
  now: Date,
): Promise<void> {
  const stopped =
    policy === "latest"
      ? await session.all<{ readonly seq: number; readonly cursor: number }>(stopCutting, topicId, now.getTime())
      : [];
  const newest = stopped.toSorted((a, b) => b.seq - a.seq)[0];
  const { body, largeBody } = toBodyColumns(content.body, bodyName);
  if (largeBody !== null)
    for (const [part, bytes] of partsOf(content.body).entries()) await session.run(insertPart, largeBody, part, bytes);
  const about = [content.contentType, JSON.stringify(content.links), now.getTime()];
  await session.run(insert, topicId, seq, ...about, body, largeBody, newest?.cursor ?? 0);
}
