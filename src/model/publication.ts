import type { Content } from "./topic.ts";

/** Which publication: numbers run per topic from 1 without gaps, in the order they were accepted. */
export type PublicationKey = {
  readonly topicId: number;
  readonly seq: number;
};

/** One stored version of a topic. */
export type Publication = PublicationKey &
  Content & {
    readonly topicUrl: string;
    readonly publishedAt: Date;
  };
