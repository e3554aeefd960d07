import { index, integer, pgTable, text } from "drizzle-orm/pg-core";

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

/** One row, written to prove that the database still takes writes. */
export const pulse = pgTable("pulse", {
  id: integer("id").primaryKey(),
  at: at("at").notNull(),
});
