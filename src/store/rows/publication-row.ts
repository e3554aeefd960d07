import type { Publication, PublicationKey } from "../../model/publication.ts";
import type { AdvertisedLinks } from "../../model/topic.ts";

export type PublicationRow = {
  readonly topic_url: string;
  readonly content_type: string;
  readonly links: string;
  readonly published_at: number;
  readonly body: Buffer;
  readonly large_body: string | null;
};

export function toPublication({ topicId, seq }: PublicationKey, row: PublicationRow): Publication {
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
