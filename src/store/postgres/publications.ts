import { HubError } from "../../errors.ts";
import { allocateLarge, freeWhole } from "../../work/large-body.ts";
import type { PublicationKey } from "../../model/publication.ts";
import type { PublicationStore } from "../publication-store.ts";
import { type PublicationRow, toPublication } from "../rows/publication-row.ts";
import type { Database } from "./database.ts";
import { sql } from "./statement.ts";

/** Topics looked at by one statement: those with publications that are kept may be many. */
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
// While an earlier publication is on its way, somebody may yet fall behind with that one and be owed all that follow.
const removePage = sql(
  `WITH RECURSIVE topic AS (
     (SELECT topic_id AS id FROM publications WHERE topic_id > $1 ORDER BY topic_id LIMIT 1) UNION ALL
     SELECT following.id FROM topic CROSS JOIN LATERAL (
       SELECT p.topic_id AS id FROM publications p WHERE p.topic_id > topic.id ORDER BY p.topic_id LIMIT 1) following),
   page AS MATERIALIZED (SELECT id FROM topic LIMIT ${pageSize}),
   needed AS MATERIALIZED (
     SELECT id, least(
              (SELECT b.next FROM behind b WHERE b.topic_id = page.id ORDER BY b.next LIMIT 1),
              (SELECT f.seq FROM fan_outs f WHERE f.topic_id = page.id AND NOT f.done ORDER BY f.seq LIMIT 1),
              ${Number.MAX_SAFE_INTEGER}) AS first
       FROM page),
   removed AS (
     DELETE FROM publications WHERE (topic_id, seq) IN (
       SELECT p.topic_id, p.seq FROM needed n JOIN publications p ON p.topic_id = n.id AND p.seq < n.first LIMIT $2)
     RETURNING large_body),
   parts AS (DELETE FROM body_parts WHERE name IN (SELECT large_body FROM removed))
   SELECT (SELECT count(*) FROM removed) AS removed, (SELECT id FROM page ORDER BY id OFFSET ${pageSize - 1}) AS last`,
);

type Page = { readonly removed: number; readonly last: number | null };

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
      for (let after: number | null = 0; after !== null && removed < limit;) {
        const [page]: readonly Page[] = await db.all<Page>(removePage, after, limit - removed);
        removed += page?.removed ?? 0;
        after = page?.last ?? null;
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
