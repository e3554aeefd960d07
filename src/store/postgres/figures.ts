import type { Figures } from "../../model/figures.ts";
import type { Database } from "./database.ts";
import { sql } from "./statement.ts";

type FiguresRow = Omit<Figures, "oldestUndoneAt"> & { readonly oldest: number | null };

// Of each topic the first that is not done: there may be a long queue of one.
const count = sql(
  `WITH RECURSIVE first AS (
     (SELECT topic_id, seq FROM fan_outs WHERE NOT done ORDER BY topic_id, seq LIMIT 1) UNION ALL
     SELECT following.* FROM first CROSS JOIN LATERAL (
       SELECT f.topic_id, f.seq FROM fan_outs f WHERE NOT f.done AND f.topic_id > first.topic_id
        ORDER BY f.topic_id, f.seq LIMIT 1) following)
   SELECT t.topics, t.subscriptions,
     (SELECT count(*) FROM intents WHERE dropped_at IS NULL) AS pending,
     (SELECT count(*) FROM behind WHERE next <= newest) AS behind,
     (SELECT count(*) FROM hosts) AS "openBreakers",
     (SELECT min(p.published_at) FROM first f JOIN publications p USING (topic_id, seq)) AS oldest
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
