import { setTimeout } from "node:timers/promises";

import pg from "pg";

import { urlFor } from "../nodes/claims.ts";
import { type Database, patienceMs, type Row } from "./database.ts";

const hubs = "a hub of the crash test";
const betweenMs = 5;

/** In an empty database. That of the server is lost by nobody: only hubs are. */
export async function openPostgresDatabase(url: string): Promise<Database> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const ask = async (question: string) => (await client.query<Row>(question)).rows;
  const until = async (question: string, untilMs = Infinity) => {
    while ((await ask(question)).length === 0 && performance.now() < untilMs) await setTimeout(betweenMs);
  };
  return {
    url: urlFor(url, hubs),
    outages: undefined,
    ask,
    async duringWrite(act) {
      await ask("BEGIN");
      await ask("LOCK TABLE fan_outs IN SHARE ROW EXCLUSIVE MODE");
      const waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'fan_outs'::regclass";
      await until(waiting, performance.now() + patienceMs);
      act();
      await ask("ROLLBACK");
    },
    async duringClose(act) {
      act();
    },
    async afterKill() {
      const session = `FROM pg_stat_activity WHERE datname = current_database() AND application_name = '${hubs}'`;
      await until(`SELECT 1 WHERE NOT EXISTS (SELECT ${session})`);
      for (const table of ["topics", "intents", "chunks", "behind"]) {
        // Half a minute goes by.
        if ((await ask(`SELECT 1 WHERE to_regclass('${table}') IS NOT NULL`)).length > 0)
          await ask(`UPDATE ${table} SET lease_until = '-infinity' WHERE lease_until IS NOT NULL`);
      }
      return [];
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}
