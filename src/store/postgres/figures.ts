import type { Figures } from "../../model/figures.ts";
import type { Database } from "./database.ts";
import { sql } from "./statement.ts";

type FiguresRow = Omit<Figures, "oldestUndoneAt"> & { readonly oldest: number | null };

const count = sql(
  `SELECT t.topics, t.subscriptions,
     (SELECT count(*) FROM intents WHERE dropped_at IS NULL) AS pending,
     (SELECT count(*) FROM behind WHERE next <= newest) AS behind,
     (SELECT count(*) FROM hosts) AS "openBreakers",
     (SELECT min(p.published_at) FROM fan_outs f JOIN publications p USING (topic_id, seq) WHERE NOT f.done) AS oldest
   FROM (SELECT count(*) AS topics, coalesce(sum(subscribers), 0)::bigint AS subscriptions FROM topics) t`,
);

/** Counts what is there, at one moment. */
export function createFigures(db: Database): () => Promise<Figures> {
  return async () => {
    const [row] = await db.all<FiguresRow>(count);
    if (row === undefined) throw new Error("counting has no row");
    const { oldest, ...figures } = row;
    return { ...figures, oldestUndoneAt: oldest === null ? undefined : new Date(oldest) };
  };
}
