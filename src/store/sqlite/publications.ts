import { HubError } from "../../errors.ts";
import type { Publication, PublicationKey } from "../../model/publication.ts";
import type { AdvertisedLinks } from "../../model/topic.ts";
import type { PublicationStore } from "../publication-store.ts";
import type { Database } from "./database.ts";
import { read } from "./group-commit.ts";

type PublicationRow = {
  readonly topic_url: string;
  readonly content_type: string;
  readonly links: string;
  readonly published_at: number;
  readonly body: Buffer;
};

export function createPublications({ connection, write }: Database): PublicationStore {
  const byKey = connection.prepare<[number, number], PublicationRow>(
    `SELECT p.*, t.url AS topic_url FROM publications p JOIN topics t ON t.id = p.topic_id
      WHERE p.topic_id = ? AND p.seq = ?`,
  );
  // While an earlier publication is on its way, somebody may yet fall behind with that one and be owed all that follow.
  const removeSettled = connection.prepare(
    `DELETE FROM publications WHERE rowid IN
       (SELECT p.rowid FROM publications p CROSS JOIN fan_outs f ON f.topic_id = p.topic_id AND f.seq = p.seq AND f.done = 1
         WHERE NOT EXISTS (SELECT 1 FROM behind b WHERE b.topic_id = p.topic_id AND b.next <= p.seq)
           AND NOT EXISTS (SELECT 1 FROM fan_outs e WHERE e.topic_id = p.topic_id AND e.seq < p.seq AND e.done = 0)
         LIMIT ?)`,
  );

  return {
    load: (key) =>
      read(() => {
        const row = byKey.get(key.topicId, key.seq);
        if (row === undefined)
          throw new HubError("not_found", `publication ${key.seq} of topic ${key.topicId} is gone`);
        return toPublication(key, row);
      }),
    removeSettled: (limit) => write(() => removeSettled.run(limit).changes),
  };
}

function toPublication({ topicId, seq }: PublicationKey, row: PublicationRow): Publication {
  return {
    topicId,
    seq,
    topicUrl: row.topic_url,
    contentType: row.content_type,
    // Written by `publish` from this very type.
    links: JSON.parse(row.links) as AdvertisedLinks,
    publishedAt: new Date(row.published_at),
    body: row.body,
  };
}
