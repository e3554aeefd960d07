import { HubError } from "../../errors.ts";
import type { PublicationKey } from "../../model/publication.ts";
import type { PublicationStore } from "../publication-store.ts";
import { type PublicationRow, toPublication } from "../rows/publication-row.ts";
import type { Database } from "./database.ts";
import { createLargeBodies } from "./large-bodies.ts";

/** Topics looked at in one write: those with publications that are kept may be many. */
const pageSize = 1000;
/** Of bodies removed in one write: each of their pages is touched. */
const mostBytes = 2_000_000;

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
      for (let after: number | undefined = 0; after !== undefined && removed < limit;) {
        const from: number = after;
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

type Settled = Pick<PublicationRow, "large_body"> & { readonly place: number; readonly bytes: number };

/** `last` is the topic that the page ends with; absent when none comes after it, and when there is enough to remove. */
function createRemoveSettledAfter({ connection }: Database) {
  const nextTopic = (after: string) => `SELECT min(topic_id) FROM publications WHERE topic_id > ${after}`;
  const topicsAfter = connection
    .prepare<[number], number>(
      `WITH RECURSIVE topic(id) AS (
         ${nextTopic("+?")} UNION ALL SELECT (${nextTopic("topic.id")}) FROM topic WHERE topic.id IS NOT NULL)
       SELECT id FROM topic WHERE id IS NOT NULL LIMIT ${pageSize}`,
    )
    .pluck();
  // While an earlier publication is on its way, somebody may yet fall behind with that one and be owed all that follow.
  const firstNeeded = `min(
    ifnull((SELECT min(next) FROM behind WHERE topic_id = topic.value), ${Number.MAX_SAFE_INTEGER}),
    ifnull((SELECT min(seq) FROM fan_outs WHERE topic_id = topic.value AND done = 0), ${Number.MAX_SAFE_INTEGER}))`;
  const settled = connection.prepare<[string, number], Settled>(
    `SELECT p.rowid AS place, length(p.body) AS bytes, p.large_body FROM json_each(?) topic
      CROSS JOIN publications p ON p.topic_id = topic.value AND p.seq < ${firstNeeded} LIMIT +?`,
  );
  const remove = connection.prepare<[number]>("DELETE FROM publications WHERE rowid = ?");

  return (
    after: number,
    limit: number,
  ): { readonly removed: readonly Settled[]; readonly last: number | undefined } => {
    const topicIds = topicsAfter.all(after);
    const found = settled.all(JSON.stringify(topicIds), limit);
    const removed = takeUpTo(mostBytes, found);
    for (const { place } of removed) remove.run(place);
    const isThrough = topicIds.length < pageSize || removed.length < found.length;
    return { removed, last: isThrough ? undefined : topicIds.at(-1) };
  };
}

/** The first of them, one at least. */
function takeUpTo(most: number, found: readonly Settled[]): readonly Settled[] {
  let bytes = 0;
  return found.filter((one, i) => (bytes += one.bytes) <= most || i === 0);
}
