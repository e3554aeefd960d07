import type { AttemptRecord } from "../model/delivery.ts";

/** The delivery log. It is written together with what it tells of, by checkpoints and settled catch-ups. */
export interface AttemptStore {
  /** The newest records of a topic, newest first. */
  newest(topicId: number, limit: number): Promise<readonly AttemptRecord[]>;

  /** Remove up to `limit` records that are older than `before` or beyond the newest `keep`. Resolves to how many. */
  trim(before: Date, keep: number, limit: number): Promise<number>;
}
