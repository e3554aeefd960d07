import type { BlockStore } from "../block-store.ts";
import { type BlockableRow, type BlockRow, toBlock, toNotice } from "../rows/block-row.ts";
import { noCaps } from "../rows/quota.ts";
import { addIntents } from "./add-intents.ts";
import type { Database } from "./database.ts";
import { endSubscriptions } from "./end-subscriptions.ts";
import { sql } from "./statement.ts";

const list = sql("SELECT id, kind, value, reason, created_at, swept FROM blocks ORDER BY id");
const add = sql(
  `INSERT INTO blocks (kind, value, reason, created_at) VALUES ($1, $2, $3, $4)
   ON CONFLICT (kind, md5(value)) DO UPDATE SET reason = excluded.reason`,
);
const remove = sql("DELETE FROM blocks WHERE kind = $1 AND md5(value) = md5($2) AND value = $2");
const setSwept = sql("UPDATE blocks SET swept = true WHERE id = ANY($1::bigint[])");
const page = sql(
  `SELECT s.id, t.url AS topic, s.callback, s.client FROM subscriptions s JOIN topics t ON t.id = s.topic_id
    WHERE s.id > $1 ORDER BY s.id LIMIT $2`,
);

export function createBlocks(db: Database): BlockStore {
  return {
    list: async () => (await db.all<BlockRow>(list)).map(toBlock),
    async add({ kind, value, reason }, now) {
      await db.run(add, kind, value, reason, now.getTime());
    },
    remove: async (kind, value) => (await db.run(remove, kind, value)) > 0,
    async setSwept(ids) {
      await db.run(setSwept, ids);
    },
    endBlocked: (afterId, limit, reasonFor, now, perMinute) =>
      db.transact(async (transaction) => {
        const rows = await transaction.all<BlockableRow>(page, afterId, limit);
        const reasons = new Map(
          rows.flatMap((row) => {
            const reason = reasonFor({ ...row, client: row.client ?? undefined });
            return reason === undefined ? [] : [[row.id, reason] as const];
          }),
        );
        // Others may be ending them at this moment: who has ended one tells its callback.
        const ended = new Set(await endSubscriptions(transaction, [...reasons.keys()]));
        const notices = rows
          .filter(({ id }) => ended.has(id))
          .map((row) => ({ intent: toNotice(row, reasons.get(row.id) ?? ""), now, caps: { ...noCaps, perMinute } }));
        if (notices.length > 0) await addIntents(transaction, notices, Object.is);
        return { lastId: rows.length < limit ? undefined : rows.at(-1)?.id, ended: ended.size };
      }),
  };
}
