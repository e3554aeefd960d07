import type { GapStore } from "../gap-store.ts";
import type { Database } from "./database.ts";
import { sql } from "./statement.ts";

const lastSeen = sql("SELECT at FROM pulse WHERE id = 1");
const all = sql(`SELECT started_at AS "from", ended_at AS until FROM gaps ORDER BY started_at`);
const add = sql(
  `WITH forgotten AS (DELETE FROM gaps WHERE ended_at < $3)
   INSERT INTO gaps (started_at, ended_at) VALUES ($1, $2)
   ON CONFLICT (started_at) DO UPDATE SET ended_at = greatest(gaps.ended_at, excluded.ended_at)`,
);

export function createGaps(db: Database): GapStore {
  return {
    async lastSeen() {
      const [seen] = await db.all<{ readonly at: number }>(lastSeen);
      return seen && new Date(seen.at);
    },
    async list() {
      const rows = await db.all<{ readonly from: number; readonly until: number }>(all);
      return rows.map(({ from, until }) => ({ from: new Date(from), until: new Date(until) }));
    },
    async add({ from, until }, forgetBefore) {
      await db.run(add, from.getTime(), until.getTime(), forgetBefore.getTime());
    },
  };
}
