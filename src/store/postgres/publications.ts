import { HubError } from "../../errors.ts";
import { allocateLarge, freeWhole } from "../../work/large-body.ts";
import type { PublicationKey } from "../../model/publication.ts";
import type { PublicationStore } from "../publication-store.ts";
import { type PublicationRow, toPublication } from "../rows/publication-row.ts";
import type { Database } from "./database.ts";
import { sql } from "./statement.ts";

/** Publications looked at by one statement: those that are kept may be many. */
const pageSize = 1000;

const byKey = sql(
  `SELECT p.content_type, p.links, p.published_at, p.body, p.large_body, t.url AS topic_url FROM publications p
     JOIN topics t ON t.id = p.topic_id WHERE p.topic_id = $1 AND p.seq = $2`,
);
const sizeByKey = sql(
  `SELECT octet_length(body) + coalesce((SELECT sum(octet_length(bytes)) FROM body_parts WHERE name = p.large_body), 0)::int AS bytes
     FROM publications p WHERE topic_id = $1 AND seq = $2`,
);
const partByName = sql("SELECT bytes FROM body_parts WHERE name = $1 AND part = $2");
// While an earlier publication is on its way, somebody may yet fall behind with that one and be owed all that follow. What is
// needed first is asked once for each topic: rows of `behind` are written anew so often that the dead among them count.
const removePage = sql(
  `WITH page AS MATERIALIZED (
     SELECT topic_id, seq FROM publications WHERE (topic_id, seq) > ($1, $2) ORDER BY topic_id, seq LIMIT ${pageSize}),
   needed AS MATERIALIZED (
     SELECT t.topic_id, least(
              (SELECT b.next FROM behind b WHERE b.topic_id = t.topic_id ORDER BY b.next LIMIT 1),
              (SELECT f.seq FROM fan_outs f WHERE f.topic_id = t.topic_id AND NOT f.done ORDER BY f.seq LIMIT 1)) AS first
       FROM (SELECT DISTINCT topic_id FROM page) t),
   removed AS (
     DELETE FROM publications WHERE (topic_id, seq) IN (
       SELECT p.topic_id, p.seq FROM page p JOIN needed n ON n.topic_id = p.topic_id
         JOIN fan_outs f ON f.topic_id = p.topic_id AND f.seq = p.seq AND f.done
        WHERE n.first IS NULL OR p.seq < n.first
        LIMIT $3) RETURNING large_body),
   parts AS (DELETE FROM body_parts WHERE name IN (SELECT large_body FROM removed))
   SELECT (SELECT count(*) FROM removed) AS removed, l.* FROM
     (SELECT topic_id AS "topicId", seq FROM page ORDER BY topic_id, seq OFFSET ${pageSize - 1}) l
   UNION ALL
   SELECT count(*), NULL, NULL FROM removed WHERE (SELECT count(*) FROM page) < ${pageSize}`,
);

type Page = { readonly removed: number } & (PublicationKey | { readonly topicId: null });

export function createPublications(db: Database): PublicationStore {
  async function bodyBytes(key: PublicationKey): Promise<number> {
    const [row] = await db.all<{ readonly bytes: number }>(sizeByKey, key.topicId, key.seq);
    return unlessGone(key, row).bytes;
  }

  return {
    async load(key) {
      const row = unlessGone(key, (await db.all<PublicationRow>(byKey, key.topicId, key.seq))[0]);
      if (row.large_body === null) return toPublication(key, row);
      return toPublication(key, { ...row, body: await loadLarge(db, row.large_body, await bodyBytes(key)) });
    },
    bodyBytes,
    async removeSettled(limit) {
      let removed = 0;
      for (let after: PublicationKey | undefined = { topicId: 0, seq: 0 }; after !== undefined && removed < limit;) {
        const [page]: readonly Page[] = await db.all<Page>(removePage, after.topicId, after.seq, limit - removed);
        removed += page?.removed ?? 0;
        after = page === undefined || page.topicId === null ? undefined : page;
      }
      return removed;
    },
  };
}

/** A part at a time: what comes over the wire takes three times its size. */
async function loadLarge(db: Database, name: string, length: number): Promise<Buffer> {
  const body = Buffer.from(allocateLarge(length));
  for (let at = 0, part = 0; at < length; part += 1) {
    const [row] = await db.all<{ readonly bytes: Buffer }>(partByName, name, part);
    if (row === undefined) throw new HubError("not_found", `part ${part} of the body ${name} is gone`);
    at += row.bytes.copy(body, at);
    freeWhole(row.bytes);
  }
  return body;
}

function unlessGone<T>({ topicId, seq }: PublicationKey, found: T | undefined): T {
  if (found === undefined) throw new HubError("not_found", `publication ${seq} of topic ${topicId} is gone`);
  return found;
}
