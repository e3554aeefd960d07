import { randomUUID } from "node:crypto";

import type { ChunkClaim } from "../../model/delivery.ts";
import type { Recipient } from "../../model/subscription.ts";
import { logsSuccesses, pageSize, whereNext } from "../rows/page.ts";
import { type RecipientRow, toRecipient } from "../rows/recipient-row.ts";
import type { Database } from "./database.ts";
import { createPassOverLapsed } from "./give-up.ts";
import { createNextFanOut, type FanOutRow } from "./next-fan-out.ts";

type Member = RecipientRow & { readonly first_seq: number; readonly expires_at: number };

export type Cut = { readonly kind: "idle" | "cut" } | { readonly kind: "chunk"; readonly chunk: ChunkClaim };

/**
 * Cuts the next page of subscriptions off a fan-out, inside a write. Those that are behind are handed over to
 * catch-up by one UPDATE, whose RETURNING alone decides; the rest become a chunk. An `await` in here would lose or
 * double deliveries (engine-protocol, Q1).
 */
export function createCutChunk(db: Database): (except: readonly number[], now: number) => Cut {
  const { page, insert, advance } = prepare(db);
  const nextFanOut = createNextFanOut(db);
  const handOver = createHandOver(db);
  const passOverLapsed = createPassOverLapsed(db);

  return (except, now) => {
    const fanOut = nextFanOut(except);
    if (fanOut === undefined) return { kind: "idle" };
    const { topic_id: topicId, seq } = fanOut;
    const until = fanOut.wrapped ? fanOut.start : Number.MAX_SAFE_INTEGER;
    const members = page.all(topicId, fanOut.cursor, until, pageSize);
    const entitled = members.filter((member) => member.first_seq <= seq);
    const owed = passOverLapsed(entitled, { topicId, seq }, new Date(now));
    const handed = handOver(fanOut, owed);
    const recipients = owed.filter((member) => !handed.has(member.id)).map(toRecipient);
    const token = randomUUID();
    const opens = recipients.length > 0;
    const id = opens ? Number(insert.run(topicId, seq, token, toTodo(recipients)).lastInsertRowid) : 0;
    const { cursor, wrapped, finished } = whereNext({ ...fanOut, wrapped: fanOut.wrapped === 1 }, members);
    const flags = { wrapped: Number(wrapped), finished: Number(finished), opens: Number(opens) };
    advance.run({ cursor, ...flags, topicId, seq, now, handed: handed.size });
    if (!opens) return { kind: "cut" };
    return {
      kind: "chunk",
      chunk: { id, token, topicId, seq, recipients, logSuccesses: logsSuccesses(fanOut) },
    };
  };
}

/** The ids still to do, as the column says it. */
export function toTodo(recipients: readonly Recipient[]): string {
  return JSON.stringify(recipients.map((recipient) => recipient.subscriptionId));
}

function createHandOver({ connection }: Database) {
  const update = connection.prepare<object, { readonly subscription_id: number }>(
    `UPDATE behind SET newest = max(newest, @seq),
            next = CASE WHEN owner IS NULL AND @latest THEN @seq ELSE next END
      WHERE subscription_id IN (SELECT value FROM json_each(@ids)) RETURNING subscription_id`,
  );

  return ({ seq, policy }: FanOutRow, owed: readonly Member[]): ReadonlySet<number> => {
    const ids = JSON.stringify(owed.map((member) => member.id));
    const rows = update.all({ seq, latest: Number(policy === "latest"), ids });
    return new Set(rows.map((row) => row.subscription_id));
  };
}

function prepare({ connection }: Database) {
  return {
    page: connection.prepare<[number, number, number, number], Member>(
      `SELECT id, callback, secret, signature_method, generation, first_seq, expires_at FROM subscriptions
        WHERE topic_id = +? AND id > +? AND id <= +? ORDER BY id LIMIT +?`,
    ),
    insert: connection.prepare("INSERT INTO chunks (topic_id, seq, owner, todo) VALUES (?, ?, ?, ?)"),
    advance: connection.prepare(
      `UPDATE fan_outs SET cursor = @cursor, wrapped = @wrapped, cut_done = @finished, cuts = cuts + 1,
              open = open + @opens, handed_over = handed_over + @handed,
              done = (@finished AND open + @opens = 0),
              done_at = CASE WHEN @finished AND open + @opens = 0 THEN @now END
        WHERE topic_id = @topicId AND seq = @seq`,
    ),
  };
}
