import { HubError } from "../../errors.ts";
import type { PublicationKey } from "../../model/publication.ts";
import type { PublicationStore } from "../publication-store.ts";
import { type PublicationRow, toPublication } from "../rows/publication-row.ts";
import type { Database } from "./database.ts";
import { createLargeBodies } from "./large-bodies.ts";

/** Publications looked at in one write: those that are kept may be many. */
const pageSize = 1000;

export function createPublications(db: Database): PublicationStore {
  const { connection, write, read } = db;
  const byKey = connection.prepare<[number, number], PublicationRow>(
    `SELECT p.*, t.url AS topic_url FROM publications p JOIN topics t ON t.id = p.topic_id
      WHERE p.topic_id = ? AND p.seq = ?`,
  );
  const sizeByKey = connection
    .prepare<[number, number], number>(
      `SELECT length(body) + coalesce((SELECT sum(length(bytes)) FROM body_parts WHERE name = p.large_body), 0)
         FROM publications p WHERE topic_id = ? AND seq = ?`,
    )
    .pluck();
  const largeBodies = createLargeBodies(db);
  const removeSettledAfter = createRemoveSettledAfter(db);

  return {
    async load(key) {
      const row = unlessGone(key, await read(() => byKey.get(key.topicId, key.seq)));
      if (row.large_body === null) return toPublication(key, row);
      return toPublication(key, { ...row, body: await largeBodies.load(row.large_body) });
    },
    bodyBytes: (key) => read(() => unlessGone(key, sizeByKey.get(key.topicId, key.seq))),
    async removeSettled(limit) {
      let removed = 0;
      for (let after: PublicationKey | undefined = beforeAll; after !== undefined && removed < limit;) {
        const from: PublicationKey = after;
        const page = await write(() => removeSettledAfter(from, limit - removed));
        removed += page.removed.length;
        for (const { large_body: name } of page.removed) if (name !== null) await largeBodies.remove(name);
        after = page.last;
      }
      return removed;
    },
  };
}

function unlessGone<T>({ topicId, seq }: PublicationKey, found: T | undefined): T {
  if (found === undefined) throw new HubError("not_found", `publication ${seq} of topic ${topicId} is gone`);
  return found;
}

const beforeAll: PublicationKey = { topicId: 0, seq: 0 };
const afterAll: PublicationKey = { topicId: Number.MAX_SAFE_INTEGER, seq: 0 };

type Removed = Pick<PublicationRow, "large_body">;

/** `last` is where the page ends; absent when nothing comes after it. */
function createRemoveSettledAfter({ connection }: Database) {
  const lastOfPage = connection.prepare<object, PublicationKey>(
    `SELECT topic_id AS topicId, seq FROM publications WHERE (topic_id, seq) > (+@topicId, +@seq)
      ORDER BY topic_id, seq LIMIT 1 OFFSET ${pageSize - 1}`,
  );
  // While an earlier publication is on its way, somebody may yet fall behind with that one and be owed all that follow.
  const remove = connection.prepare<object, Removed>(
    `DELETE FROM publications WHERE rowid IN
       (SELECT p.rowid FROM publications p CROSS JOIN fan_outs f ON f.topic_id = p.topic_id AND f.seq = p.seq AND f.done = 1
         WHERE (p.topic_id, p.seq) > (+@topicId, +@seq) AND (p.topic_id, p.seq) <= (+@lastTopicId, +@lastSeq)
           AND NOT EXISTS (SELECT 1 FROM behind b WHERE b.topic_id = p.topic_id AND b.next <= p.seq)
           AND NOT EXISTS (SELECT 1 FROM fan_outs e WHERE e.topic_id = p.topic_id AND e.seq < p.seq AND e.done = 0)
         LIMIT +@limit) RETURNING large_body`,
  );

  return (
    after: PublicationKey,
    limit: number,
  ): { readonly removed: readonly Removed[]; readonly last: PublicationKey | undefined } => {
    const last = lastOfPage.get(after);
    const until = last ?? afterAll;
    const removed = remove.all({ ...after, lastTopicId: until.topicId, lastSeq: until.seq, limit });
    return { removed, last };
  };
}
