import SqliteDatabase from "better-sqlite3";
import type pg from "pg";

/**
 * Subscriptions to a topic written straight into the file, for through the store a million of them take minutes. As long as
 * callbacks are in use (75 bytes), and in no order: an index filled in order would be smaller than one that grew.
 */
export function subscribeBySql(file: string, topic: string, origins: readonly string[], count: number): void {
  const database = new SqliteDatabase(file);
  const now = Date.now();
  database.pragma("journal_mode = WAL");
  database.pragma("cache_size = -262144");
  database.transaction(() => {
    const { lastInsertRowid: topicId } = database
      .prepare("INSERT INTO topics (url, host, policy, subscribers) VALUES (?, ?, 'latest', ?)")
      .run(topic, new URL(topic).hostname, count);
    const insert = database.prepare(
      `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < @count)
       INSERT INTO subscriptions (topic_id, callback, secret, first_seq, verified_at, expires_at)
       SELECT @topicId, (@origins ->> CAST(n % @many AS INTEGER)) || '/websub/' || lower(hex(randomblob(20))),
              lower(hex(randomblob(16))), 1, @now, @now + 864000000
         FROM numbers`,
    );
    insert.run({ topicId, origins: JSON.stringify(origins), many: origins.length, now, count });
    const keep = database.prepare(keepCount("?", "?"));
    for (const [host, subscriptions] of countByHost(origins, count)) keep.run(`host ${host}`, subscriptions);
  })();
  database.close();
}

/** The same into PostgreSQL. */
export async function subscribeInPostgres(
  client: pg.Client,
  topic: string,
  origins: readonly string[],
  count: number,
): Promise<void> {
  const { rows } = await client.query<{ readonly id: string }>(
    "INSERT INTO topics (url, host, policy, subscribers) VALUES ($1, $2, 'latest', $3) RETURNING id",
    [topic, new URL(topic).hostname, count],
  );
  const random = "md5(random()::text)";
  await client.query(
    `INSERT INTO subscriptions (topic_id, callback, secret, first_seq, verified_at, expires_at)
     SELECT $1, ($2::text[])[1 + n % $3::int] || '/websub/' || ${random} || left(${random}, 8), convert_to(${random}, 'UTF8'),
            1, $4::bigint, $4::bigint + 864000000
       FROM generate_series(1, $5::int) n`,
    [rows[0]?.id, origins, origins.length, Date.now(), count],
  );
  for (const [host, subscriptions] of countByHost(origins, count)) {
    await client.query(keepCount("$1", "$2"), [`host ${host}`, subscriptions]);
  }
}

function keepCount(name: string, subscriptions: string): string {
  return `INSERT INTO quotas (name, pending, subscriptions) VALUES (${name}, 0, ${subscriptions})
     ON CONFLICT (name) DO UPDATE SET subscriptions = quotas.subscriptions + excluded.subscriptions`;
}

/** The n-th of `count`, from 1, is at the origin n modulo their number. */
function countByHost(origins: readonly string[], count: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let n = 1; n <= count; n += 1) {
    const host = new URL(origins[n % origins.length] ?? "").hostname;
    counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  return counts;
}
