CREATE TABLE `behind` (
	`subscription_id` integer PRIMARY KEY NOT NULL,
	`topic_id` integer NOT NULL,
	`origin` text NOT NULL,
	`next` integer NOT NULL,
	`newest` integer NOT NULL,
	`attempts` integer NOT NULL,
	`due_at` integer NOT NULL,
	`retry_at` integer NOT NULL,
	`hastened_by` integer NOT NULL,
	`owner` text,
	FOREIGN KEY (`subscription_id`) REFERENCES `subscriptions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `behind_trying` ON `behind` (`origin`) WHERE owner is not null;--> statement-breakpoint
CREATE INDEX `behind_waiting` ON `behind` (`origin`,`due_at`) WHERE owner is null and next <= newest;--> statement-breakpoint
CREATE INDEX `behind_settled` ON `behind` (`due_at`) WHERE owner is null and next > newest;--> statement-breakpoint
CREATE INDEX `behind_hastened` ON `behind` (`origin`,`hastened_by`) WHERE owner is null and hastened_by > 0;--> statement-breakpoint
CREATE INDEX `behind_topic` ON `behind` (`topic_id`,`next`);--> statement-breakpoint
CREATE TABLE `body_parts` (
	`name` text NOT NULL,
	`part` integer NOT NULL,
	`bytes` blob NOT NULL,
	PRIMARY KEY(`name`, `part`)
);
--> statement-breakpoint
CREATE TABLE `chunks` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`topic_id` integer NOT NULL,
	`seq` integer NOT NULL,
	`owner` text,
	`todo` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `chunks_topic` ON `chunks` (`topic_id`);--> statement-breakpoint
CREATE INDEX `chunks_orphaned` ON `chunks` (`topic_id`) WHERE owner is null;--> statement-breakpoint
CREATE TABLE `fan_outs` (
	`topic_id` integer NOT NULL,
	`seq` integer NOT NULL,
	`start` integer NOT NULL,
	`cursor` integer NOT NULL,
	`wrapped` integer DEFAULT 0 NOT NULL,
	`cut_done` integer DEFAULT 0 NOT NULL,
	`cuts` integer DEFAULT 0 NOT NULL,
	`open` integer DEFAULT 0 NOT NULL,
	`done` integer DEFAULT 0 NOT NULL,
	`done_at` integer,
	`delivered` integer DEFAULT 0 NOT NULL,
	`behind` integer DEFAULT 0 NOT NULL,
	`handed_over` integer DEFAULT 0 NOT NULL,
	`gone` integer DEFAULT 0 NOT NULL,
	PRIMARY KEY(`topic_id`, `seq`),
	FOREIGN KEY (`topic_id`) REFERENCES `topics`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `fan_outs_uncut` ON `fan_outs` (`cuts`) WHERE cut_done = 0;--> statement-breakpoint
CREATE INDEX `fan_outs_undone` ON `fan_outs` (`topic_id`,`seq`) WHERE done = 0;--> statement-breakpoint
CREATE INDEX `fan_outs_done` ON `fan_outs` (`done_at`) WHERE done_at is not null;--> statement-breakpoint
CREATE TABLE `intents` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`mode` text NOT NULL,
	`topic` text NOT NULL,
	`topic_as_asked` text NOT NULL,
	`callback` text NOT NULL,
	`host` text NOT NULL,
	`client` text NOT NULL,
	`secret` text,
	`lease_seconds` integer NOT NULL,
	`verify_token` text,
	`signature_method` text,
	`start_at` integer NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`due_at` integer,
	`owner` text,
	`denial` text,
	`dropped_at` integer,
	`drop_reason` text
);
--> statement-breakpoint
CREATE INDEX `intents_pair` ON `intents` (`callback`,`topic`,`id`) WHERE dropped_at is null;--> statement-breakpoint
CREATE INDEX `intents_verifying` ON `intents` (`host`) WHERE owner is not null;--> statement-breakpoint
CREATE INDEX `intents_waiting` ON `intents` (`host`,`due_at`) WHERE owner is null and due_at is not null;--> statement-breakpoint
CREATE INDEX `intents_dropped` ON `intents` (`dropped_at`) WHERE dropped_at is not null;--> statement-breakpoint
CREATE TABLE `publications` (
	`topic_id` integer NOT NULL,
	`seq` integer NOT NULL,
	`content_type` text NOT NULL,
	`links` text NOT NULL,
	`published_at` integer NOT NULL,
	`body` blob NOT NULL,
	`large_body` text,
	PRIMARY KEY(`topic_id`, `seq`),
	FOREIGN KEY (`topic_id`) REFERENCES `topics`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `publications_at` ON `publications` (`published_at`);--> statement-breakpoint
CREATE INDEX `publications_topic_at` ON `publications` (`topic_id`,`published_at`,`seq`);--> statement-breakpoint
CREATE UNIQUE INDEX `publications_large` ON `publications` (`large_body`) WHERE large_body is not null;--> statement-breakpoint
CREATE TABLE `subscriptions` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`topic_id` integer NOT NULL,
	`callback` text NOT NULL,
	`secret` text,
	`signature_method` text,
	`client` text,
	`generation` integer DEFAULT 0 NOT NULL,
	`first_seq` integer NOT NULL,
	`verified_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	FOREIGN KEY (`topic_id`) REFERENCES `topics`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `subscriptions_pair` ON `subscriptions` (`callback`,`topic_id`);--> statement-breakpoint
CREATE INDEX `subscriptions_topic` ON `subscriptions` (`topic_id`,`id`);--> statement-breakpoint
CREATE INDEX `subscriptions_lease` ON `subscriptions` (`expires_at`);--> statement-breakpoint
CREATE TABLE `topics` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`url` text NOT NULL,
	`host` text NOT NULL,
	`policy` text NOT NULL,
	`last_seq` integer DEFAULT 0 NOT NULL,
	`subscribers` integer DEFAULT 0 NOT NULL,
	`etag` text,
	`last_modified` text,
	`fingerprint` text,
	`pings` integer DEFAULT 0 NOT NULL,
	`fetch_due_at` integer,
	`fetch_owner` text,
	`fetch_started_at` integer,
	`fetch_failures` integer DEFAULT 0 NOT NULL,
	`fetch_error` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `topics_url_unique` ON `topics` (`url`);--> statement-breakpoint
CREATE INDEX `topics_fetching` ON `topics` (`host`) WHERE fetch_owner is not null;--> statement-breakpoint
CREATE INDEX `topics_waiting` ON `topics` (`host`,`fetch_due_at`) WHERE fetch_owner is null and fetch_due_at is not null and subscribers > 0;--> statement-breakpoint
CREATE INDEX `topics_idle` ON `topics` (`id`) WHERE subscribers = 0;--> statement-breakpoint
CREATE TABLE `attempts` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`topic_id` integer NOT NULL,
	`seq` integer NOT NULL,
	`subscription_id` integer,
	`count` integer NOT NULL,
	`attempt` integer NOT NULL,
	`outcome` text NOT NULL,
	`status` integer,
	`reason` text,
	`duration_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `attempts_topic` ON `attempts` (`topic_id`,`id`);--> statement-breakpoint
CREATE INDEX `attempts_at` ON `attempts` (`at`);--> statement-breakpoint
CREATE TABLE `blocks` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`kind` text NOT NULL,
	`value` text NOT NULL,
	`reason` text NOT NULL,
	`created_at` integer NOT NULL,
	`swept` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `blocks_value` ON `blocks` (`kind`,`value`);--> statement-breakpoint
CREATE TABLE `gaps` (
	`started_at` integer PRIMARY KEY NOT NULL,
	`ended_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `hosts` (
	`origin` text PRIMARY KEY NOT NULL,
	`trips` integer NOT NULL,
	`shut_until` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `pulse` (
	`id` integer PRIMARY KEY NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `quotas` (
	`name` text PRIMARY KEY NOT NULL,
	`pending` integer NOT NULL,
	`subscriptions` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `secret_keys` (
	`id` text PRIMARY KEY NOT NULL
);
