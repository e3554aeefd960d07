import { sql } from "drizzle-orm";
import { blob, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

import { at } from "./columns.ts";

/** A URL the hub knows. Its row numbers its publications. */
export const topics = sqliteTable(
  "topics",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    url: text("url").notNull().unique(),
    host: text("host").notNull(),
    policy: text("policy", { enum: ["latest", "every"] }).notNull(),
    lastSeq: integer("last_seq").notNull().default(0),
    /** Kept by every statement that adds or ends a subscription: counting a million would block. */
    subscribers: integer("subscribers").notNull().default(0),
    etag: text("etag"),
    lastModified: text("last_modified"),
    fingerprint: text("fingerprint"),
    pings: integer("pings").notNull().default(0),
    fetchDueAt: at("fetch_due_at"),
    fetchOwner: text("fetch_owner"),
    fetchStartedAt: at("fetch_started_at"),
    fetchFailures: integer("fetch_failures").notNull().default(0),
    fetchError: text("fetch_error"),
  },
  (t) => [
    index("topics_fetching")
      .on(t.host)
      .where(sql`fetch_owner is not null`),
    index("topics_waiting")
      .on(t.host, t.fetchDueAt)
      .where(sql`fetch_owner is null and fetch_due_at is not null and subscribers > 0`),
    index("topics_idle")
      .on(t.id)
      .where(sql`subscribers = 0`),
  ],
);

/** A request not yet verified, or dropped lately. */
export const intents = sqliteTable(
  "intents",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    mode: text("mode", { enum: ["subscribe", "unsubscribe"] }).notNull(),
    topic: text("topic").notNull(),
    topicAsAsked: text("topic_as_asked").notNull(),
    callback: text("callback").notNull(),
    /** Of the callback. */
    host: text("host").notNull(),
    /** Who asked. */
    client: text("client").notNull(),
    secret: text("secret"),
    leaseSeconds: integer("lease_seconds").notNull(),
    verifyToken: text("verify_token"),
    signatureMethod: text("signature_method"),
    /** When it may first be verified. */
    startAt: at("start_at").notNull(),
    attempts: integer("attempts").notNull().default(0),
    /** Null while an earlier one of its pair is pending, and once dropped. */
    dueAt: at("due_at"),
    owner: text("owner"),
    denial: text("denial"),
    droppedAt: at("dropped_at"),
    dropReason: text("drop_reason"),
  },
  (t) => [
    index("intents_pair")
      .on(t.callback, t.topic, t.id)
      .where(sql`dropped_at is null`),
    index("intents_verifying")
      .on(t.host)
      .where(sql`owner is not null`),
    index("intents_waiting")
      .on(t.host, t.dueAt)
      .where(sql`owner is null and due_at is not null`),
    index("intents_dropped")
      .on(t.droppedAt)
      .where(sql`dropped_at is not null`),
  ],
);

/** A verified (topic, callback). Ids are never used again: delivery ids are made of them. */
export const subscriptions = sqliteTable(
  "subscriptions",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    topicId: integer("topic_id")
      .notNull()
      .references(() => topics.id),
    callback: text("callback").notNull(),
    secret: text("secret"),
    signatureMethod: text("signature_method"),
    /** Who asked for it last. */
    client: text("client"),
    /** Counts renewals. */
    generation: integer("generation").notNull().default(0),
    firstSeq: integer("first_seq").notNull(),
    verifiedAt: at("verified_at").notNull(),
    expiresAt: at("expires_at").notNull(),
  },
  (t) => [
    uniqueIndex("subscriptions_pair").on(t.callback, t.topicId),
    index("subscriptions_topic").on(t.topicId, t.id),
    index("subscriptions_lease").on(t.expiresAt),
  ],
);

/** One version of a topic. */
export const publications = sqliteTable(
  "publications",
  {
    topicId: integer("topic_id")
      .notNull()
      .references(() => topics.id),
    seq: integer("seq").notNull(),
    contentType: text("content_type").notNull(),
    /** JSON: the links as advertised. */
    links: text("links").notNull(),
    publishedAt: at("published_at").notNull(),
    /** Empty where it is large. */
    body: blob("body", { mode: "buffer" }).notNull(),
    /** The name of its parts. */
    largeBody: text("large_body"),
  },
  (t) => [
    primaryKey({ columns: [t.topicId, t.seq] }),
    index("publications_at").on(t.publishedAt),
    index("publications_topic_at").on(t.topicId, t.publishedAt, t.seq),
    uniqueIndex("publications_large")
      .on(t.largeBody)
      .where(sql`large_body is not null`),
  ],
);

/** A body that is large, in parts. They are there before its publication is: those of no publication are of a try that failed. */
export const bodyParts = sqliteTable(
  "body_parts",
  {
    name: text("name").notNull(),
    part: integer("part").notNull(),
    bytes: blob("bytes", { mode: "buffer" }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.name, t.part] })],
);

/** A publication on its way: a cursor over the subscriptions, and the receipt's figures. */
export const fanOuts = sqliteTable(
  "fan_outs",
  {
    topicId: integer("topic_id")
      .notNull()
      .references(() => topics.id),
    seq: integer("seq").notNull(),
    /** Where the cursor began; a fan-out that began elsewhere than at 0 wraps round to here. */
    start: integer("start").notNull(),
    cursor: integer("cursor").notNull(),
    wrapped: integer("wrapped").notNull().default(0),
    cutDone: integer("cut_done").notNull().default(0),
    /** Pages cut: the fewest come first, so that small topics pass the tail of big ones. */
    cuts: integer("cuts").notNull().default(0),
    /** Open chunks. `done` is decided by this counter, never by a search for chunks. */
    open: integer("open").notNull().default(0),
    done: integer("done").notNull().default(0),
    doneAt: at("done_at"),
    delivered: integer("delivered").notNull().default(0),
    behind: integer("behind").notNull().default(0),
    handedOver: integer("handed_over").notNull().default(0),
    gone: integer("gone").notNull().default(0),
  },
  (t) => [
    primaryKey({ columns: [t.topicId, t.seq] }),
    index("fan_outs_uncut")
      .on(t.cuts)
      .where(sql`cut_done = 0`),
    index("fan_outs_undone")
      .on(t.topicId, t.seq)
      .where(sql`done = 0`),
    index("fan_outs_done")
      .on(t.doneAt)
      .where(sql`done_at is not null`),
  ],
);

/** Subscriptions being delivered to. Exists only while open. */
export const chunks = sqliteTable(
  "chunks",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    topicId: integer("topic_id").notNull(),
    seq: integer("seq").notNull(),
    owner: text("owner"),
    /** JSON: ids of the subscriptions still to do. */
    todo: text("todo").notNull(),
  },
  (t) => [
    index("chunks_topic").on(t.topicId),
    index("chunks_orphaned")
      .on(t.topicId)
      .where(sql`owner is null`),
  ],
);

/** A subscription that is not up to date. */
export const behind = sqliteTable(
  "behind",
  {
    subscriptionId: integer("subscription_id")
      .primaryKey()
      .references(() => subscriptions.id, { onDelete: "cascade" }),
    topicId: integer("topic_id").notNull(),
    origin: text("origin").notNull(),
    /** First and last publication owed. Nothing is owed when the first comes after the last: it has been given up. */
    next: integer("next").notNull(),
    newest: integer("newest").notNull(),
    /** Attempts made for `next`. */
    attempts: integer("attempts").notNull(),
    /** When it may next be claimed; before `retryAt` if it was hastened. */
    dueAt: at("due_at").notNull(),
    /** When its schedule has it tried: an attempt before that uses up nothing. */
    retryAt: at("retry_at").notNull(),
    /** What makes it due before its time. 0: nothing; 1: its host's breaker closing; 2: also any 2xx of its host. */
    hastenedBy: integer("hastened_by").notNull(),
    owner: text("owner"),
  },
  (t) => [
    index("behind_trying")
      .on(t.origin)
      .where(sql`owner is not null`),
    index("behind_waiting")
      .on(t.origin, t.dueAt)
      .where(sql`owner is null and next <= newest`),
    index("behind_settled")
      .on(t.dueAt)
      .where(sql`owner is null and next > newest`),
    index("behind_hastened")
      .on(t.origin, t.hastenedBy)
      .where(sql`owner is null and hastened_by > 0`),
    index("behind_topic").on(t.topicId, t.next),
  ],
);
