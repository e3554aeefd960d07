import { setImmediate } from "node:timers/promises";

import type { Figures } from "../../model/figures.ts";
import type { Database } from "./database.ts";

/** Rows counted in one turn of the event loop, so that a large table holds up nobody. */
const pageSize = 1000;

type Page = { readonly rows: number; readonly sum: number; readonly last: number };

/** Counts what is there. Each figure is true of its own moment. */
export function createFigures({ connection, read }: Database): () => Promise<Figures> {
  const pageOf = (table: string, key: string, summed: string) =>
    connection.prepare<[number], Page>(
      `SELECT count(*) AS rows, coalesce(sum(summed), 0) AS sum, max(key) AS last FROM
         (SELECT ${key} AS key, ${summed} AS summed FROM ${table} WHERE ${key} > +? ORDER BY ${key} LIMIT ${pageSize})`,
    );
  const topicsPage = pageOf("topics", "id", "subscribers");
  const pendingPage = pageOf("intents", "id", "dropped_at IS NULL");
  const behindPage = pageOf("behind", "subscription_id", "next <= newest");
  const shut = connection.prepare<[], { readonly count: number }>("SELECT count(*) AS count FROM hosts");
  // Of each topic the first: there may be a long queue of one.
  const nextTopic = (after: string) => `SELECT min(topic_id) FROM fan_outs WHERE done = 0 ${after}`;
  const oldest = connection.prepare<[], { readonly at: number | null }>(
    `WITH RECURSIVE topic(id) AS (
       ${nextTopic("")} UNION ALL SELECT (${nextTopic("AND topic_id > topic.id")}) FROM topic WHERE topic.id IS NOT NULL)
     SELECT min(p.published_at) AS at FROM topic CROSS JOIN publications p ON p.topic_id = topic.id
        AND p.seq = (SELECT min(seq) FROM fan_outs WHERE topic_id = topic.id AND done = 0)`,
  );

  return async () => {
    const [{ count } = { count: 0 }, { at } = { at: null }] = await read(() => [shut.get(), oldest.get()]);
    const topics = await addPages(read, topicsPage);
    return {
      topics: topics.rows,
      subscriptions: topics.sum,
      pending: (await addPages(read, pendingPage)).sum,
      behind: (await addPages(read, behindPage)).sum,
      openBreakers: count,
      oldestUndoneAt: at === null ? undefined : new Date(at),
    };
  };
}

async function addPages(
  read: Database["read"],
  page: { get(after: number): Page | undefined },
): Promise<Omit<Page, "last">> {
  let total = { rows: 0, sum: 0 };
  let after = 0;
  for (;;) {
    const { rows, sum, last } = (await read(() => page.get(after))) ?? { rows: 0, sum: 0, last: 0 };
    total = { rows: total.rows + rows, sum: total.sum + sum };
    if (rows < pageSize) return total;
    after = last;
    await setImmediate();
  }
}
