import type { GapStore } from "../gap-store.ts";
import type { Database } from "./database.ts";

export function createGaps({ connection, write, read }: Database): GapStore {
  const lastSeen = connection.prepare<[], { readonly at: number }>("SELECT at FROM pulse WHERE id = 1");
  const all = connection.prepare<[], { readonly from: number; readonly until: number }>(
    `SELECT started_at AS "from", ended_at AS until FROM gaps ORDER BY started_at`,
  );
  const add = connection.prepare(
    `INSERT INTO gaps (started_at, ended_at) VALUES (@from, @until)
     ON CONFLICT (started_at) DO UPDATE SET ended_at = max(ended_at, excluded.ended_at)`,
  );
  const forget = connection.prepare<[number]>("DELETE FROM gaps WHERE ended_at < ?");

  return {
    lastSeen: () =>
      read(() => {
        const seen = lastSeen.get();
        return seen && new Date(seen.at);
      }),
    list: () => read(() => all.all().map(({ from, until }) => ({ from: new Date(from), until: new Date(until) }))),
    add: ({ from, until }, forgetBefore) =>
      write(() => {
        forget.run(forgetBefore.getTime());
        add.run({ from: from.getTime(), until: until.getTime() });
      }),
  };
}
