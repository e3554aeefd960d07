import { sql } from "drizzle-orm";
import { boolean, index, integer, pgTable, text, uniqueIndex } from "drizzle-orm/pg-core";

import { at, big, id, plain } from "./columns.ts";

/** How much there is of one client's, or at one callback host: counted by whoever adds or ends any. None where both are 0. */
export const quotas = pgTable("quotas", {
  name: plain("name").primaryKey(),
  pending: big("pending").notNull(),
  subscriptions: big("subscriptions").notNull(),
});

/** Origins whose breaker is open. */
export const hosts = pgTable("hosts", {
  origin: plain("origin").primaryKey(),
  trips: integer("trips").notNull(),
  shutUntil: at("shut_until").notNull(),
});

/** The delivery log. */
export const attempts = pgTable(
  "attempts",
  {
    id: id(),
    at: at("at").notNull(),
    topicId: big("topic_id").notNull(),
    seq: big("seq").notNull(),
    subscriptionId: big("subscription_id"),
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
export const secretKeys = pgTable("secret_keys", { id: text("id").primaryKey() });

/** What the operator does not serve any more. */
export const blocks = pgTable(
  "blocks",
  {
    id: id(),
    kind: text("kind", { enum: ["callback-host", "callback", "client", "topic", "publisher"] }).notNull(),
    value: text("value").notNull(),
    reason: text("reason").notNull(),
    createdAt: at("created_at").notNull(),
    /** No subscription is left that it matches. */
    swept: boolean("swept").notNull().default(false),
  },
  (t) => [uniqueIndex("blocks_value").on(t.kind, sql`md5(value)`)],
);

/** Time that went by without a hub. */
export const gaps = pgTable("gaps", {
  startedAt: at("started_at").primaryKey(),
  endedAt: at("ended_at").notNull(),
});

/** One row, written to prove that the database still takes writes, and when a hub was last there. */
export const pulse = pgTable("pulse", {
  id: integer("id").primaryKey(),
  at: at("at").notNull(),
});
