import type { Store } from "../store.ts";
import { createAttempts } from "./attempts.ts";
import { createBehind } from "./behind.ts";
import { openDatabase, type PostgresOptions } from "./database.ts";
import { createBlocks } from "./blocks.ts";
import { createFanOuts } from "./fan-outs.ts";
import { createFigures } from "./figures.ts";
import { createGaps } from "./gaps.ts";
import { createGiveUpSecrets } from "./give-up-secrets.ts";
import { createHosts } from "./hosts.ts";
import { createIntents } from "./intents.ts";
import { createPublications } from "./publications.ts";
import { createSecrets } from "./secrets.ts";
import { sql } from "./statement.ts";
import { createSubscriptions } from "./subscriptions.ts";
import { createTopics } from "./topics.ts";

const beat = sql("INSERT INTO pulse (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at");
const size = sql("SELECT pg_database_size(current_database()) AS bytes");

/**
 * The store in a PostgreSQL database, for any number of equal processes. Throws `store_unavailable` when it cannot be used.
 */
export async function openPostgresStore(url: string, options: PostgresOptions): Promise<Store> {
  const db = await openDatabase(url, options);

  return {
    topics: createTopics(db),
    intents: createIntents(db, options.isSameSecret),
    subscriptions: createSubscriptions(db),
    publications: createPublications(db),
    fanOuts: createFanOuts(db),
    behind: createBehind(db),
    hosts: createHosts(db),
    attempts: createAttempts(db),
    secrets: { ...createSecrets(db), giveUp: createGiveUpSecrets(db) },
    blocks: createBlocks(db),
    gaps: createGaps(db),
    figures: createFigures(db),
    leaseMs: db.leaseMs,
    listen: db.listen,
    async measureBytes() {
      const [row] = await db.all<{ readonly bytes: number }>(size);
      return row?.bytes ?? 0;
    },
    // Autovacuum makes the space of rows that went free for others.
    shrink: async () => 0,
    async assertWritable(now) {
      await db.run(beat, now.getTime());
    },
    [Symbol.asyncDispose]: db.close,
  };
}
