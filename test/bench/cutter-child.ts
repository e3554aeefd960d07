import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { answerCalls } from "./calls.ts";

/** A node that claims chunks and closes them, and sends nothing. */
let store: Store | undefined;

const calls = {
  /** `database`: a file, or a URL. */
  async open({ database, migrationsFolder }: { readonly database: string; readonly migrationsFolder: string }) {
    store = database.includes("://")
      ? await openPostgresStore(database, { migrationsFolder })
      : openSqliteStore(database, migrationsFolder);
  },

  /** Until there are none left. Resolves to how many subscriptions they held. */
  async cut(): Promise<number> {
    let total = 0;
    for (;;) {
      const claimed = await store?.fanOuts.claimChunk(new Date());
      if (claimed?.kind !== "chunk") return total;
      const { chunk } = claimed;
      const delivered = chunk.recipients.length;
      total += delivered;
      await store?.fanOuts.checkpoint(chunk, { left: [], delivered, behind: [], gone: [], log: [] }, new Date());
    }
  },
};

export type CutterCalls = typeof calls;

answerCalls(calls);
