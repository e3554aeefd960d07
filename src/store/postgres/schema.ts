import { sql } from "drizzle-orm";
import { boolean, doublePrecision, index, integer, pgTable, primaryKey, text, uniqueIndex } from "drizzle-orm/pg-core";

import { at, big, bytes, id, leaseUntil, plain } from "./columns.ts";

/** A URL the hub knows. Its row numbers its publications. */
export const topics = pgTable(
  "topics",
  {
    id: id(),
    url: text("url").notNull(),
    host: plain("host").notNull(),
    policy: text("policy", { enum: ["latest", "every"] }).notNull(),
    lastSeq: big("last_seq").notNull().default(0),
    /** Kept by every statement that adds or ends a subscription: counting a million would take too long. */
    subscribers: big("subscribers").notNull().default(0),
    etag: text("etag"),
    lastModified: text("last_modified"),
    fingerprint: text("fingerprint"),
    pings: big("pings").notNull().default(0),
    fetchDueAt: at("fetch_due_at"),
    fetchOwner: text("fetch_owner"),
    leaseUntil: leaseUntil(),
    fetchStartedAt: at("fetch_started_at"),
    fetchFailures: integer("fetch_failures").notNull().default(0),
    fetchError: text("fetch_error"),
  },
  (t) => [
    uniqueIndex("topics_url").on(sql`md5(url)`),
    index("topics_fetching")
      .on(t.host, t.leaseUntil)
      .where(sql`fetch_owner is not null`),
    index("topics_waiting")
      .on(t.host, t.fetchDueAt, t.id)
      .where(sql`fetch_owner is null and fetch_due_at is not null and subscribers > 0`),
    index("topics_due")
      .on(t.fetchDueAt, t.host)
      .where(sql`fetch_owner is null and fetch_due_at is not null and subscribers > 0`),
    index("topics_idle")
      .on(t.id)
      .where(sql`subscribers = 0`),
  ],
);

/** A request not yet verified, or dropped lately. */
export const intents = pgTable(
  "intents",
  {
    id: id(),
    mode: text("mode", { enum: ["subscribe", "unsubscribe"] }).notNull(),
    topic: text("topic").notNull(),
    topicAsAsked: text("topic_as_asked").notNull(),
    callback: text("callback").notNull(),
    /** Of topic and callback. */
    pair: bytes("pair").notNull(),
    /** Of the callback. */
    host: plain("host").notNull(),
    /** Who asked. */
    client: text("client").notNull(),
    secret: bytes("secret"),
    leaseSeconds: doublePrecision("lease_seconds").notNull(),
    verifyToken: bytes("verify_token"),
    signatureMethod: text("signature_method"),
    /** When it may first be verified. */
    startAt: at("start_at").notNull(),
    attempts: integer("attempts").notNull().default(0),
    /** Null while an earlier one of its pair is pending, and once dropped. */
    dueAt: at("due_at"),
    owner: text("owner"),
    leaseUntil: leaseUntil(),
    denial: text("denial"),
    droppedAt: at("dropped_at"),
    dropReason: text("drop_reason"),
  },
  (t) => [
    index("intents_pair")
      .on(t.pair, t.id)
      .where(sql`dropped_at is null`),
    // Those of one pair are verified one by one.
    uniqueIndex("intents_first")
      .on(t.pair)
      .where(sql`due_at is not null`),
    index("intents_verifying")
      .on(t.host, t.leaseUntil)
      .where(sql`owner is not null`),
    index("intents_waiting")
      .on(t.host, t.dueAt, t.id)
      .where(sql`owner is null and due_at is not null`),
    index("intents_due")
      .on(t.dueAt, t.host)
      .where(sql`owner is null and due_at is not null`),
    index("intents_dropped")
      .on(t.droppedAt)
      .where(sql`dropped_at is not null`),
  ],
);

/** A verified (topic, callback). Ids are never used again: delivery ids are made of them. */
export const subscriptions = pgTable(
  "subscriptions",
  {
    id: id(),
    topicId: big("topic_id")
      .notNull()
      .references(() => topics.id),
    callback: text("callback").notNull(),
    secret: bytes("secret"),
    signatureMethod: text("signature_method"),
    /** Who asked for it last. */
    client: text("client"),
    /** Counts renewals. */
    generation: integer("generation").notNull().default(0),
    firstSeq: big("first_seq").notNull(),
    verifiedAt: at("verified_at").notNull(),
    expiresAt: at("expires_at").notNull(),
  },
  (t) => [
    uniqueIndex("subscriptions_pair").on(t.topicId, sql`md5(callback)`),
    index("subscriptions_topic").on(t.topicId, t.id),
    index("subscriptions_lease").on(t.expiresAt),
  ],
);

/** One version of a topic. */
export const publications = pgTable(
  "publications",
  {
    topicId: big("topic_id")
      .notNull()
      .references(() => topics.id),
    seq: big("seq").notNull(),
    contentType: text("content_type").notNull(),
    /** JSON: the links as advertised. */
    links: text("links").notNull(),
    publishedAt: at("published_at").notNull(),
    /** Empty where it is large. */
    body: bytes("body").notNull(),
    /** The name of its parts. */
    largeBody: text("large_body"),
  },
  (t) => [
    primaryKey({ columns: [t.topicId, t.seq] }),
    index("publications_at").on(t.publishedAt),
    index("publications_topic_at").on(t.topicId, t.publishedAt, t.seq),
  ],
);

/** A body that is large, in parts. */
export const bodyParts = pgTable(
  "body_parts",
  { name: plain("name").notNull(), part: integer("part").notNull(), bytes: bytes("bytes").notNull() },
  (t) => [primaryKey({ columns: [t.name, t.part] })],
);

/** A publication on its way: a cursor over the subscriptions, and the receipt's figures but for those of open chunks. */
export const fanOuts = pgTable(
  "fan_outs",
  {
    id: big("id").generatedAlwaysAsIdentity(),
    topicId: big("topic_id")
      .notNull()
      .references(() => topics.id),
    seq: big("seq").notNull(),
    /** Where the cursor began; a fan-out that began elsewhere than at 0 wraps round to here. */
    start: big("start").notNull(),
    cursor: big("cursor").notNull(),
    wrapped: boolean("wrapped").notNull().default(false),
    cutDone: boolean("cut_done").notNull().default(false),
    /** Pages cut: the fewest come first, so that small topics pass the tail of big ones. */
    cuts: integer("cuts").notNull().default(0),
    /** Open chunks. `done` is decided by this counter, never by a search for chunks. */
    open: integer("open").notNull().default(0),
    done: boolean("done").notNull().default(false),
    doneAt: at("done_at"),
    delivered: big("delivered").notNull().default(0),
    behind: big("behind").notNull().default(0),
    handedOver: big("handed_over").notNull().default(0),
    gone: big("gone").notNull().default(0),
  },
  (t) => [
    primaryKey({ columns: [t.topicId, t.seq] }),
    index("fan_outs_uncut")
      .on(t.cuts, t.id)
      .where(sql`not cut_done`),
    index("fan_outs_undone")
      .on(t.topicId, t.seq)
      .where(sql`not done`),
    index("fan_outs_done")
      .on(t.doneAt)
      .where(sql`done_at is not null`),
  ],
);

/** Subscriptions being delivered to. Exists only while open. */
export const chunks = pgTable(
  "chunks",
  {
    id: id(),
    topicId: big("topic_id").notNull(),
    seq: big("seq").notNull(),
    owner: text("owner").notNull(),
    leaseUntil: leaseUntil().notNull(),
    /** Ids of the subscriptions still to do. */
    todo: big("todo").array().notNull(),
    /** Added to the fan-out's when it closes: until then its row is written by cutting alone. */
    delivered: big("delivered").notNull().default(0),
    behind: big("behind").notNull().default(0),
    gone: big("gone").notNull().default(0),
  },
  (t) => [index("chunks_topic").on(t.topicId, t.seq), index("chunks_lease").on(t.leaseUntil)],
);

/** A subscription that is not up to date. */
export const behind = pgTable(
  "behind",
  {
    subscriptionId: big("subscription_id")
      .primaryKey()
      .references(() => subscriptions.id, { onDelete: "cascade" }),
    topicId: big("topic_id").notNull(),
    origin: plain("origin").notNull(),
    /** First and last publication owed. Nothing is owed when the first comes after the last: it has been given up. */
    next: big("next").notNull(),
    newest: big("newest").notNull(),
    /** Attempts made for `next`. */
    attempts: integer("attempts").notNull(),
    /** When it may next be claimed; before `retryAt` if it was hastened. */
    dueAt: at("due_at").notNull(),
    /** When its schedule has it tried: an attempt before that uses up nothing. */
    retryAt: at("retry_at").notNull(),
    /** What makes it due before its time. 0: nothing; 1: its host's breaker closing; 2: also any 2xx of its host. */
    hastenedBy: integer("hastened_by").notNull(),
    owner: text("owner"),
    leaseUntil: leaseUntil(),
  },
  (t) => [
    index("behind_trying")
      .on(t.origin, t.leaseUntil)
      .where(sql`owner is not null`),
    index("behind_waiting")
      .on(t.origin, t.dueAt, t.subscriptionId)
      .where(sql`owner is null and next <= newest`),
    index("behind_due")
      .on(t.dueAt, t.origin)
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
