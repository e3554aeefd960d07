import type { KeptSecret, SecretStoreBeside, SecretTable } from "../secret-store.ts";
import type { Database } from "./database.ts";
import { sql } from "./statement.ts";
import { fromBytes, toBytes } from "./text-columns.ts";

const listKeys = sql("SELECT id FROM secret_keys ORDER BY id");
const addKey = sql("INSERT INTO secret_keys (id) VALUES ($1) ON CONFLICT DO NOTHING");
const removeKeys = sql("DELETE FROM secret_keys WHERE id = ANY($1::text[])");
const begins = "substring(secret FROM 1 FOR length($1::bytea)) = $1";
const find = sql(
  `(SELECT 1 FROM intents WHERE ${begins} LIMIT 1) UNION ALL (SELECT 1 FROM subscriptions WHERE ${begins} LIMIT 1) LIMIT 1`,
);
const from = {
  intents: "SELECT i.id, i.topic, i.callback, i.secret FROM intents i",
  subscriptions:
    "SELECT i.id, t.url AS topic, i.callback, i.secret FROM subscriptions i JOIN topics t ON t.id = i.topic_id",
} as const;
const statements = { intents: statementsOf("intents"), subscriptions: statementsOf("subscriptions") } as const;

function statementsOf(table: SecretTable) {
  return {
    list: sql(`${from[table]} WHERE i.id > $1 AND i.secret IS NOT NULL ORDER BY i.id LIMIT $2`),
    // Locked in the order in which others do it.
    change: sql(
      `WITH found AS MATERIALIZED (
         SELECT i.id, c.after FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) c(id, before, after)
           JOIN ${table} i ON i.id = c.id AND i.secret = c.before ORDER BY i.id FOR NO KEY UPDATE OF i)
       UPDATE ${table} i SET secret = found.after FROM found WHERE i.id = found.id`,
    ),
  };
}

type Row = Omit<KeptSecret, "secret"> & { readonly secret: Buffer };

export function createSecrets(db: Database): SecretStoreBeside {
  return {
    listKeys: async () => (await db.all<{ readonly id: string }>(listKeys)).map(({ id }) => id),
    async addKey(id) {
      await db.run(addKey, id);
    },
    async removeKeys(ids) {
      await db.run(removeKeys, ids);
    },
    hasSecret: async (beginning) => (await db.all(find, toBytes(beginning))).length > 0,
    async listSecrets(table, afterId, limit) {
      const rows = await db.all<Row>(statements[table].list, afterId, limit);
      return rows.map((row) => ({ ...row, secret: fromBytes(row.secret) ?? "" }));
    },
    changeSecrets: (table, changes) =>
      db.run(
        statements[table].change,
        changes.map(({ id }) => id),
        changes.map((change) => toBytes(change.from)),
        changes.map(({ to }) => toBytes(to)),
      ),
  };
}
