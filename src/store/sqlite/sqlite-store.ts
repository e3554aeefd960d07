import type { Store } from "../store.ts";
import { createAssertWritable } from "./assert-writable.ts";
import { createAttempts } from "./attempts.ts";
import { createBehind } from "./behind.ts";
import { openDatabase, type SqliteOptions } from "./database.ts";
import { createBlocks } from "./blocks.ts";
import { createFanOuts } from "./fan-outs.ts";
import { createFigures } from "./figures.ts";
import { createGaps } from "./gaps.ts";
import { createGiveUpSecrets } from "./give-up-secrets.ts";
import { createHosts } from "./hosts.ts";
import { createIntents } from "./intents.ts";
import { createPublications } from "./publications.ts";
import { createSecrets } from "./secrets.ts";
import { createShrink } from "./shrink.ts";
import { createSubscriptions } from "./subscriptions.ts";
import { createTopics } from "./topics.ts";

/** The store in one SQLite file, for one process. Throws `store_unavailable` when the file cannot be used. */
export function openSqliteStore(file: string, migrationsFolder: string, options: SqliteOptions = {}): Store {
  const db = openDatabase(file, migrationsFolder, options);
  const size = db.connection.prepare<[], { readonly bytes: number }>(
    `SELECT (page_count - freelist_count) * page_size AS bytes
       FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()`,
  );

  return {
    topics: createTopics(db),
    intents: createIntents(db, options.isSameSecret),
    subscriptions: createSubscriptions(db),
    publications: createPublications(db),
    fanOuts: createFanOuts(db),
    behind: createBehind(db),
    hosts: createHosts(db),
    attempts: createAttempts(db),
    secrets: { ...createSecrets(db), giveUp: createGiveUpSecrets(db, options.isSameSecret) },
    blocks: createBlocks(db, options.isSameSecret),
    gaps: createGaps(db),
    figures: createFigures(db),
    leaseMs: Infinity,
    listen() {},
    measureBytes: () => db.read(() => size.get()?.bytes ?? 0),
    shrink: createShrink(db),
    assertWritable: createAssertWritable(db),
    async [Symbol.asyncDispose]() {
      // Whatever was asked for in this turn commits before the file closes; whoever asked is told when it cannot.
      await Promise.allSettled([db.write(() => undefined)]);
      db.close();
    },
  };
}
