import type { IsSameSecret } from "../../model/secret.ts";
import type { BlockStore } from "../block-store.ts";
import { type BlockableRow, type BlockRow, toBlock, toNotice } from "../rows/block-row.ts";
import { noCaps } from "../rows/quota.ts";
import { createAddIntent } from "./add-intent.ts";
import type { Database } from "./database.ts";
import { createEndSubscription } from "./end-subscription.ts";

/** As far as others may change them too, beside the process that owns the file. */
export function createBlockList({
  connection,
  write,
  read,
}: Pick<Database, "connection" | "write" | "read">): Pick<BlockStore, "list" | "add" | "remove"> {
  const list = connection.prepare<[], BlockRow>("SELECT * FROM blocks ORDER BY id");
  const add = connection.prepare(
    `INSERT INTO blocks (kind, value, reason, created_at) VALUES (@kind, @value, @reason, @now)
     ON CONFLICT (kind, value) DO UPDATE SET reason = @reason`,
  );
  const remove = connection.prepare("DELETE FROM blocks WHERE kind = ? AND value = ?");

  return {
    list: () => read(() => list.all().map(toBlock)),
    add: (block, now) =>
      write(() => {
        add.run({ ...block, now: now.getTime() });
      }),
    remove: (kind, value) => write(() => remove.run(kind, value).changes > 0),
  };
}

export function createBlocks(db: Database, isSameSecret: IsSameSecret = Object.is): BlockStore {
  const { connection, write } = db;
  const setSwept = connection.prepare("UPDATE blocks SET swept = 1 WHERE id = ?");
  const page = connection.prepare<[number, number], BlockableRow>(
    `SELECT s.id, t.url AS topic, s.callback, s.client FROM subscriptions s JOIN topics t ON t.id = s.topic_id
      WHERE s.id > +? ORDER BY s.id LIMIT +?`,
  );
  const end = createEndSubscription(db);
  const addIntent = createAddIntent(db, isSameSecret);

  return {
    ...createBlockList(db),
    setSwept: (ids) =>
      write(() => {
        for (const id of ids) setSwept.run(id);
      }),
    endBlocked: (afterId, limit, reasonFor, now, perMinute) =>
      write(() => {
        const rows = page.all(afterId, limit);
        let ended = 0;
        for (const row of rows) {
          const reason = reasonFor({ ...row, client: row.client ?? undefined });
          if (reason === undefined) continue;
          end(row.id);
          addIntent(toNotice(row, reason), now, { ...noCaps, perMinute });
          ended += 1;
        }
        return { lastId: rows.length < limit ? undefined : rows.at(-1)?.id, ended };
      }),
  };
}
