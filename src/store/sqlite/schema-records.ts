import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

import { at } from "./columns.ts";

/** How much there is of one client's, or at one callback host: counted by whoever adds or ends any. None where both are 0. */
export const quotas = sqliteTable("quotas", {
  name: text("name").primaryKey(),
  pending: integer("pending").notNull(),
  subscriptions: integer("subscriptions").notNull(),
});

/** Origins whose breaker is open. */
export const hosts = sqliteTable("hosts", {
  origin: text("origin").primaryKey(),
  trips: integer("trips").notNull(),
  shutUntil: at("shut_until").notNull(),
});

/** The delivery log. */
export const attempts = sqliteTable(
  "attempts",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    at: at("at").notNull(),
    topicId: integer("topic_id").notNull(),
    seq: integer("seq").notNull(),
    subscriptionId: integer("subscription_id"),
    count: integer("count").notNull(),
    attempt: integer("attempt").notNull(),
    outcome: text("outcome", { enum: ["delivered", "failed", "given_up", "gone"] }).notNull(),
    status: integer("status"),
    reason: text("reason"),
    durationMs: integer("duration_ms").notNull(),
  },
  (t) => [index("attempts_topic").on(t.topicId, t.id), index("attempts_at").on(t.at)],
);

/** Keys that secrets may be sealed with: a hub that lacks one of them does not start. */
export const secretKeys = sqliteTable("secret_keys", { id: text("id").primaryKey() });

/** What the operator does not serve any more. */
export const blocks = sqliteTable(
  "blocks",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    kind: text("kind", { enum: ["callback-host", "callback", "client", "topic", "publisher"] }).notNull(),
    value: text("value").notNull(),
    reason: text("reason").notNull(),
    createdAt: at("created_at").notNull(),
    /** No subscription is left that it matches. */
    swept: integer("swept").notNull().default(0),
  },
  (t) => [uniqueIndex("blocks_value").on(t.kind, t.value)],
);

/** Time that went by without the hub. */
export const gaps = sqliteTable("gaps", {
  startedAt: at("started_at").primaryKey(),
  endedAt: at("ended_at").notNull(),
});

/** One row, written to prove that the disk still takes writes, and when the hub was last there. */
export const pulse = sqliteTable("pulse", {
  id: integer("id").primaryKey(),
  at: at("at").notNull(),
});
