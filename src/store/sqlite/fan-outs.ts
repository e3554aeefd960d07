import { randomUUID } from "node:crypto";

import type { ChunkClaim } from "../../model/delivery.ts";
import type { FanOutProgress, FanOutStore } from "../fan-out-store.ts";
import { logsSuccesses } from "../rows/page.ts";
import { type RecipientRow, toRecipient } from "../rows/recipient-row.ts";
import { createCheckpoint } from "./checkpoint.ts";
import { createCutChunk, toTodo } from "./cut-chunk.ts";
import type { Database } from "./database.ts";
import { createPassOverLapsed } from "./give-up.ts";

type ProgressRow = {
  readonly done: number;
  readonly delivered: number;
  readonly behind: number;
  readonly handed_over: number;
  readonly gone: number;
};

export function createFanOuts(db: Database): FanOutStore {
  const { connection, write, claim, read } = db;
  const cut = createCutChunk(db);
  const reclaim = createReclaim(db);
  const checkpoint = createCheckpoint(db);
  const release = connection.prepare("UPDATE chunks SET owner = NULL WHERE id = ? AND owner = ?");
  const laterWaits = connection.prepare("SELECT 1 FROM fan_outs WHERE topic_id = ? AND seq > ? AND done = 0");
  const byKey = connection.prepare<[number, number], ProgressRow>(
    "SELECT * FROM fan_outs WHERE topic_id = ? AND seq = ?",
  );
  const removeDone = connection.prepare(
    `DELETE FROM fan_outs WHERE rowid IN
       (SELECT f.rowid FROM fan_outs f WHERE f.done_at < +?
           AND NOT EXISTS (SELECT 1 FROM publications p WHERE p.topic_id = f.topic_id AND p.seq = f.seq) LIMIT +?)`,
  );

  return {
    claimChunk: (now, except = []) =>
      claim(() => {
        const chunk = reclaim(now);
        return chunk ? { kind: "chunk", chunk } : cut(except, now.getTime());
      }),
    checkpoint: (chunk, report, now) => write(() => checkpoint(chunk, report, now.getTime())),
    release: ({ id, token }) =>
      claim(() => {
        release.run(id, token);
      }),
    isLaterWaiting: ({ topicId, seq }) => read(() => laterWaits.get(topicId, seq) !== undefined),
    progress: ({ topicId, seq }) =>
      read(() => {
        const row = byKey.get(topicId, seq);
        return row && toProgress(row);
      }),
    removeDone: (before, limit) => write(() => removeDone.run(before.getTime(), limit).changes),
  };
}

type Orphan = {
  readonly id: number;
  readonly topic_id: number;
  readonly seq: number;
  readonly todo: string;
  readonly subscribers: number;
};

/** Takes over a chunk nobody owns, with what is left of it. Who has unsubscribed since is no longer in it. */
function createReclaim(db: Database): (now: Date) => ChunkClaim | undefined {
  const { connection } = db;
  const orphan = connection.prepare<[], Orphan>(
    `SELECT id, topic_id, seq, todo, (SELECT subscribers FROM topics WHERE id = topic_id) AS subscribers FROM chunks
      WHERE owner IS NULL ORDER BY topic_id, id LIMIT 1`,
  );
  const claim = connection.prepare("UPDATE chunks SET owner = ?, todo = ? WHERE id = ?");
  const members = connection.prepare<[string], RecipientRow & { readonly expires_at: number }>(
    `SELECT id, callback, secret, signature_method, generation, expires_at FROM subscriptions
      WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id`,
  );
  const passOverLapsed = createPassOverLapsed(db);

  return (now) => {
    const row = orphan.get();
    if (row === undefined) return undefined;
    const { id, topic_id: topicId, seq } = row;
    const recipients = passOverLapsed(members.all(row.todo), { topicId, seq }, now).map(toRecipient);
    const token = randomUUID();
    claim.run(token, toTodo(recipients), id);
    return { id, token, topicId, seq, recipients, logSuccesses: logsSuccesses(row) };
  };
}

function toProgress(row: ProgressRow): FanOutProgress {
  return {
    done: row.done === 1,
    delivered: row.delivered,
    behind: row.behind,
    handedOver: row.handed_over,
    gone: row.gone,
  };
}
