import type { KeptSecret, SecretStoreBeside, SecretTable } from "../secret-store.ts";
import type { Database } from "./database.ts";

export function createSecrets(db: Pick<Database, "connection" | "write" | "claim" | "read">): SecretStoreBeside {
  const { connection, write, claim, read } = db;
  const listKeys = connection.prepare<[], { readonly id: string }>("SELECT id FROM secret_keys ORDER BY id");
  const addKey = connection.prepare("INSERT INTO secret_keys (id) VALUES (?) ON CONFLICT DO NOTHING");
  const removeKey = connection.prepare("DELETE FROM secret_keys WHERE id = ?");
  const begins = "substr(secret, 1, length(@beginning)) = @beginning";
  const find = connection.prepare<{ readonly beginning: string }>(
    `SELECT 1 FROM intents WHERE ${begins} UNION ALL SELECT 1 FROM subscriptions WHERE ${begins} LIMIT 1`,
  );
  const tables = {
    intents: prepareTable(db, "SELECT i.id, i.topic, i.callback, i.secret FROM intents i", "intents"),
    subscriptions: prepareTable(
      db,
      "SELECT i.id, t.url AS topic, i.callback, i.secret FROM subscriptions i JOIN topics t ON t.id = i.topic_id",
      "subscriptions",
    ),
  };

  return {
    listKeys: () => read(() => listKeys.all().map(({ id }) => id)),
    addKey: (id) =>
      write(() => {
        addKey.run(id);
      }),
    removeKeys: (ids) =>
      write(() => {
        for (const id of ids) removeKey.run(id);
      }),
    hasSecret: (beginning) => read(() => find.get({ beginning }) !== undefined),
    listSecrets: (table, afterId, limit) => read(() => tables[table].list.all(afterId, limit)),
    changeSecrets: (table, changes) =>
      claim(() => changes.filter((change) => tables[table].change.run(change).changes > 0).length),
  };
}

function prepareTable({ connection }: Pick<Database, "connection">, select: string, table: SecretTable) {
  return {
    list: connection.prepare<[number, number], KeptSecret>(
      `${select} WHERE i.id > ? AND i.secret IS NOT NULL ORDER BY i.id LIMIT ?`,
    ),
    change: connection.prepare(`UPDATE ${table} SET secret = @to WHERE id = @id AND secret = @from`),
  };
}
