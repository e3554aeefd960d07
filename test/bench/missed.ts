import SqliteDatabase from "better-sqlite3";

/** Everybody subscribed to `topic` has missed that many publications of it, numbered from 1, and is due now. Each begins with `mNUMBER`. */
export function missPublications(file: string, topic: string, policy: "latest" | "every", missed: number): void {
  const database = new SqliteDatabase(file);
  const numbers = `WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < @missed)`;
  const topicId = `(SELECT id FROM topics WHERE url = @topic)`;
  const values = { topic, policy, missed, now: Date.now() };
  const statements = [
    "UPDATE topics SET policy = @policy, last_seq = @missed WHERE url = @topic",
    `${numbers} INSERT INTO publications (topic_id, seq, content_type, links, published_at, body)
       SELECT ${topicId}, n, 'text/plain', '{"hubs":[]}', @now, CAST('m' || n || char(10) || printf('%.500c', '.') AS BLOB) FROM n`,
    `${numbers} INSERT INTO fan_outs (topic_id, seq, start, cursor, cut_done, done, done_at, handed_over)
       SELECT ${topicId}, n, 0, 0, 1, 1, @now, 1 FROM n`,
    `INSERT INTO behind (subscription_id, topic_id, origin, next, newest, attempts, due_at, retry_at, hastened_by)
       SELECT id, topic_id, rtrim(callback, '/'), 1, @missed, 1, @now, @now, 0 FROM subscriptions WHERE topic_id = ${topicId}`,
  ];
  database.transaction(() => {
    for (const statement of statements) database.prepare(statement).run(values);
  })();
  database.close();
}
