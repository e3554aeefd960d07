CREATE TABLE "behind" (
	"subscription_id" bigint PRIMARY KEY NOT NULL,
	"topic_id" bigint NOT NULL,
	"origin" text COLLATE "C" NOT NULL,
	"next" bigint NOT NULL,
	"newest" bigint NOT NULL,
	"attempts" integer NOT NULL,
	"due_at" bigint NOT NULL,
	"retry_at" bigint NOT NULL,
	"hastened_by" integer NOT NULL,
	"owner" text,
	"lease_until" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "body_parts" (
	"name" text COLLATE "C" NOT NULL,
	"part" integer NOT NULL,
	"bytes" "bytea" NOT NULL,
	CONSTRAINT "body_parts_name_part_pk" PRIMARY KEY("name","part")
);
--> statement-breakpoint
CREATE TABLE "chunks" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "chunks_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"topic_id" bigint NOT NULL,
	"seq" bigint NOT NULL,
	"owner" text NOT NULL,
	"lease_until" timestamp with time zone NOT NULL,
	"todo" bigint[] NOT NULL,
	"delivered" bigint DEFAULT 0 NOT NULL,
	"behind" bigint DEFAULT 0 NOT NULL,
	"gone" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "fan_outs" (
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "fan_outs_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"topic_id" bigint NOT NULL,
	"seq" bigint NOT NULL,
	"start" bigint NOT NULL,
	"cursor" bigint NOT NULL,
	"wrapped" boolean DEFAULT false NOT NULL,
	"cut_done" boolean DEFAULT false NOT NULL,
	"cuts" integer DEFAULT 0 NOT NULL,
	"open" integer DEFAULT 0 NOT NULL,
	"done" boolean DEFAULT false NOT NULL,
	"done_at" bigint,
	"delivered" bigint DEFAULT 0 NOT NULL,
	"behind" bigint DEFAULT 0 NOT NULL,
	"handed_over" bigint DEFAULT 0 NOT NULL,
	"gone" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "fan_outs_topic_id_seq_pk" PRIMARY KEY("topic_id","seq")
);
--> statement-breakpoint
CREATE TABLE "intents" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "intents_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"mode" text NOT NULL,
	"topic" text NOT NULL,
	"topic_as_asked" text NOT NULL,
	"callback" text NOT NULL,
	"pair" "bytea" NOT NULL,
	"host" text COLLATE "C" NOT NULL,
	"client" text NOT NULL,
	"secret" "bytea",
	"lease_seconds" double precision NOT NULL,
	"verify_token" "bytea",
	"signature_method" text,
	"start_at" bigint NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"due_at" bigint,
	"owner" text,
	"lease_until" timestamp with time zone,
	"denial" text,
	"dropped_at" bigint,
	"drop_reason" text
);
--> statement-breakpoint
CREATE TABLE "publications" (
	"topic_id" bigint NOT NULL,
	"seq" bigint NOT NULL,
	"content_type" text NOT NULL,
	"links" text NOT NULL,
	"published_at" bigint NOT NULL,
	"body" "bytea" NOT NULL,
	"large_body" text,
	CONSTRAINT "publications_topic_id_seq_pk" PRIMARY KEY("topic_id","seq")
);
--> statement-breakpoint
CREATE TABLE "subscriptions" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "subscriptions_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"topic_id" bigint NOT NULL,
	"callback" text NOT NULL,
	"secret" "bytea",
	"signature_method" text,
	"client" text,
	"generation" integer DEFAULT 0 NOT NULL,
	"first_seq" bigint NOT NULL,
	"verified_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "topics" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "topics_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"url" text NOT NULL,
	"host" text COLLATE "C" NOT NULL,
	"policy" text NOT NULL,
	"last_seq" bigint DEFAULT 0 NOT NULL,
	"subscribers" bigint DEFAULT 0 NOT NULL,
	"etag" text,
	"last_modified" text,
	"fingerprint" text,
	"pings" bigint DEFAULT 0 NOT NULL,
	"fetch_due_at" bigint,
	"fetch_owner" text,
	"lease_until" timestamp with time zone,
	"fetch_started_at" bigint,
	"fetch_failures" integer DEFAULT 0 NOT NULL,
	"fetch_error" text
);
--> statement-breakpoint
CREATE TABLE "attempts" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "attempts_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" bigint NOT NULL,
	"topic_id" bigint NOT NULL,
	"seq" bigint NOT NULL,
	"subscription_id" bigint,
	"count" integer NOT NULL,
	"attempt" integer NOT NULL,
	"outcome" text NOT NULL,
	"status" integer,
	"reason" text,
	"duration_ms" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "blocks" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "blocks_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"kind" text NOT NULL,
	"value" text NOT NULL,
	"reason" text NOT NULL,
	"created_at" bigint NOT NULL,
	"swept" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE TABLE "gaps" (
	"started_at" bigint PRIMARY KEY NOT NULL,
	"ended_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "hosts" (
	"origin" text COLLATE "C" PRIMARY KEY NOT NULL,
	"trips" integer NOT NULL,
	"shut_until" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "pulse" (
	"id" integer PRIMARY KEY NOT NULL,
	"at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "quotas" (
	"name" text COLLATE "C" PRIMARY KEY NOT NULL,
	"pending" bigint NOT NULL,
	"subscriptions" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "secret_keys" (
	"id" text PRIMARY KEY NOT NULL
);
--> statement-breakpoint
ALTER TABLE "behind" ADD CONSTRAINT "behind_subscription_id_subscriptions_id_fk" FOREIGN KEY ("subscription_id") REFERENCES "public"."subscriptions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "fan_outs" ADD CONSTRAINT "fan_outs_topic_id_topics_id_fk" FOREIGN KEY ("topic_id") REFERENCES "public"."topics"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "publications" ADD CONSTRAINT "publications_topic_id_topics_id_fk" FOREIGN KEY ("topic_id") REFERENCES "public"."topics"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "subscriptions" ADD CONSTRAINT "subscriptions_topic_id_topics_id_fk" FOREIGN KEY ("topic_id") REFERENCES "public"."topics"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "behind_trying" ON "behind" USING btree ("origin","lease_until") WHERE owner is not null;--> statement-breakpoint
CREATE INDEX "behind_waiting" ON "behind" USING btree ("origin","due_at","subscription_id") WHERE owner is null and next <= newest;--> statement-breakpoint
CREATE INDEX "behind_due" ON "behind" USING btree ("due_at","origin") WHERE owner is null and next <= newest;--> statement-breakpoint
CREATE INDEX "behind_settled" ON "behind" USING btree ("due_at") WHERE owner is null and next > newest;--> statement-breakpoint
CREATE INDEX "behind_hastened" ON "behind" USING btree ("origin","hastened_by") WHERE owner is null and hastened_by > 0;--> statement-breakpoint
CREATE INDEX "behind_topic" ON "behind" USING btree ("topic_id","next");--> statement-breakpoint
CREATE INDEX "chunks_topic" ON "chunks" USING btree ("topic_id","seq");--> statement-breakpoint
CREATE INDEX "chunks_lease" ON "chunks" USING btree ("lease_until");--> statement-breakpoint
CREATE INDEX "fan_outs_uncut" ON "fan_outs" USING btree ("cuts","id") WHERE not cut_done;--> statement-breakpoint
CREATE INDEX "fan_outs_undone" ON "fan_outs" USING btree ("topic_id","seq") WHERE not done;--> statement-breakpoint
CREATE INDEX "fan_outs_done" ON "fan_outs" USING btree ("done_at") WHERE done_at is not null;--> statement-breakpoint
CREATE INDEX "intents_pair" ON "intents" USING btree ("pair","id") WHERE dropped_at is null;--> statement-breakpoint
CREATE UNIQUE INDEX "intents_first" ON "intents" USING btree ("pair") WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX "intents_verifying" ON "intents" USING btree ("host","lease_until") WHERE owner is not null;--> statement-breakpoint
CREATE INDEX "intents_waiting" ON "intents" USING btree ("host","due_at","id") WHERE owner is null and due_at is not null;--> statement-breakpoint
CREATE INDEX "intents_due" ON "intents" USING btree ("due_at","host") WHERE owner is null and due_at is not null;--> statement-breakpoint
CREATE INDEX "intents_dropped" ON "intents" USING btree ("dropped_at") WHERE dropped_at is not null;--> statement-breakpoint
CREATE INDEX "publications_at" ON "publications" USING btree ("published_at");--> statement-breakpoint
CREATE INDEX "publications_topic_at" ON "publications" USING btree ("topic_id","published_at","seq");--> statement-breakpoint
CREATE UNIQUE INDEX "subscriptions_pair" ON "subscriptions" USING btree ("topic_id",md5(callback));--> statement-breakpoint
CREATE INDEX "subscriptions_topic" ON "subscriptions" USING btree ("topic_id","id");--> statement-breakpoint
CREATE INDEX "subscriptions_lease" ON "subscriptions" USING btree ("expires_at");--> statement-breakpoint
CREATE UNIQUE INDEX "topics_url" ON "topics" USING btree (md5(url));--> statement-breakpoint
CREATE INDEX "topics_fetching" ON "topics" USING btree ("host","lease_until") WHERE fetch_owner is not null;--> statement-breakpoint
CREATE INDEX "topics_waiting" ON "topics" USING btree ("host","fetch_due_at","id") WHERE fetch_owner is null and fetch_due_at is not null and subscribers > 0;--> statement-breakpoint
CREATE INDEX "topics_due" ON "topics" USING btree ("fetch_due_at","host") WHERE fetch_owner is null and fetch_due_at is not null and subscribers > 0;--> statement-breakpoint
CREATE INDEX "topics_idle" ON "topics" USING btree ("id") WHERE subscribers = 0;--> statement-breakpoint
CREATE INDEX "attempts_topic" ON "attempts" USING btree ("topic_id","id");--> statement-breakpoint
CREATE INDEX "attempts_at" ON "attempts" USING btree ("at");--> statement-breakpoint
CREATE UNIQUE INDEX "blocks_value" ON "blocks" USING btree ("kind",md5(value));