import type { Dialect } from "./reading.ts";

/** What must be so of what is stored, whatever happens. */
export type Invariant = {
  /** What it means for deliveries when it is not. */
  readonly meaning: string;
  /** SQL that finds what breaks it, as a column `fault`. It names rows by ids alone. */
  readonly question: string;
};

/** Those that a database can be asked for. With `countPairs` and the like (find-faults.ts) they are all there are. */
export function invariantsOf(dialect: Dialect): readonly Invariant[] {
  return [...ofSubscriptions, ...ofPublications, ...ofDeliveries(dialect), ...ofRequests(dialect), ...ofIds(dialect)];
}

const ofSubscriptions: readonly Invariant[] = [
  {
    meaning: "nothing can be delivered to it",
    question: `SELECT 'subscription ' || s.id || ' is to topic ' || s.topic_id || ', which is not there' AS fault
      FROM subscriptions s LEFT JOIN topics t ON t.id = s.topic_id WHERE t.id IS NULL`,
  },
  {
    meaning: "at 0 a topic is fetched no more, and is removed",
    question: `SELECT 'topic ' || t.id || ' counts ' || t.subscribers || ' subscriptions, and has ' || coalesce(c.n, 0) AS fault
      FROM topics t LEFT JOIN (SELECT topic_id, count(*) AS n FROM subscriptions GROUP BY topic_id) c ON c.topic_id = t.id
      WHERE t.subscribers <> coalesce(c.n, 0)`,
  },
  {
    meaning: "it misses publications made after it began",
    question: `SELECT 'subscription ' || s.id || ' is owed from publication ' || s.first_seq || ' on, and its topic has ' || t.last_seq AS fault
      FROM subscriptions s JOIN topics t ON t.id = s.topic_id WHERE s.first_seq > t.last_seq + 1 OR s.first_seq < 1`,
  },
  {
    meaning: "it never was in force",
    question: `SELECT 'the lease of subscription ' || id || ' ends before it begins' AS fault
      FROM subscriptions WHERE expires_at <= verified_at`,
  },
];

const ofPublications: readonly Invariant[] = [
  {
    meaning: "the next publication gets a number that is taken",
    question: `SELECT 'topic ' || p.topic_id || ' counts ' || coalesce(t.last_seq, 0) || ' publications, and has number ' || max(p.seq) AS fault
      FROM publications p LEFT JOIN topics t ON t.id = p.topic_id
      GROUP BY p.topic_id, t.last_seq HAVING max(p.seq) > coalesce(t.last_seq, 0)`,
  },
  {
    meaning: "it is neither delivered nor ever removed",
    question: `SELECT 'publication ' || p.seq || ' of topic ' || p.topic_id || ' has no fan-out' AS fault
      FROM publications p LEFT JOIN fan_outs f ON f.topic_id = p.topic_id AND f.seq = p.seq WHERE f.seq IS NULL`,
  },
  {
    meaning: "its content is lost to those who have not got it",
    question: `SELECT 'publication ' || p.seq || ' of topic ' || p.topic_id || ' has ' || coalesce(b.n, 0) || ' parts of its body, the last being '
        || coalesce(b.last, -1) AS fault
      FROM publications p LEFT JOIN (SELECT name, count(*) AS n, max(part) AS last FROM body_parts GROUP BY name) b ON b.name = p.large_body
      WHERE p.large_body IS NOT NULL AND (b.n IS NULL OR b.n <> b.last + 1)`,
  },
  {
    meaning: "its content is lost to those who have not got it",
    question: `SELECT 'the fan-out of publication ' || f.seq || ' of topic ' || f.topic_id || ' is not done, and the publication is gone' AS fault
      FROM fan_outs f LEFT JOIN publications p ON p.topic_id = f.topic_id AND p.seq = f.seq WHERE NOT f.done AND p.seq IS NULL`,
  },
  {
    meaning: "its end is never seen, or seen too soon",
    question: `SELECT 'the fan-out of publication ' || seq || ' of topic ' || topic_id || ' is ' || CASE WHEN done THEN 'done' ELSE 'not done' END
        || ', with ' || open || ' open chunks and ' || CASE WHEN cut_done THEN 'nobody' ELSE 'subscriptions' END || ' to come' AS fault
      FROM fan_outs WHERE done <> (cut_done AND open = 0) OR done <> (done_at IS NOT NULL)`,
  },
  {
    meaning: "its end is never seen, or seen too soon",
    question: `SELECT 'the fan-out of publication ' || f.seq || ' of topic ' || f.topic_id || ' counts ' || f.open
        || ' open chunks, and has ' || coalesce(c.n, 0) AS fault
      FROM fan_outs f LEFT JOIN (SELECT topic_id, seq, count(*) AS n FROM chunks GROUP BY topic_id, seq) c
        ON c.topic_id = f.topic_id AND c.seq = f.seq WHERE f.open <> coalesce(c.n, 0)`,
  },
  {
    meaning: "publications of a topic may arrive in the wrong order",
    question: `SELECT 'the fan-out of publication ' || f.seq || ' of topic ' || f.topic_id || ' has begun before that of ' || min(e.seq)
        || ' is done' AS fault
      FROM fan_outs f JOIN fan_outs e ON e.topic_id = f.topic_id AND e.seq < f.seq AND NOT e.done
      WHERE f.cuts > 0 OR f.open > 0 GROUP BY f.topic_id, f.seq`,
  },
];

function ofDeliveries({ idsOfChunk }: Dialect): readonly Invariant[] {
  return [
    {
      meaning: "those in it do not get it",
      question: `SELECT 'chunk ' || c.id || ' belongs to publication ' || c.seq || ' of topic ' || c.topic_id || ', which has no fan-out' AS fault
        FROM chunks c LEFT JOIN fan_outs f ON f.topic_id = c.topic_id AND f.seq = c.seq WHERE f.seq IS NULL`,
    },
    {
      meaning: "it has two owners, and may get a publication twice or two in the wrong order",
      question: `SELECT 'subscription ' || todo.id || ' is in ' || count(*) || ' chunks' AS fault
        FROM chunks c ${idsOfChunk} GROUP BY todo.id HAVING count(*) > 1`,
    },
    {
      meaning: "it has two owners, and may get a publication twice or two in the wrong order",
      question: `SELECT 'subscription ' || b.subscription_id || ' is behind, and in chunk ' || c.id AS fault
        FROM chunks c ${idsOfChunk} JOIN behind b ON b.subscription_id = todo.id`,
    },
    {
      meaning: "it is sent what it has not asked for",
      question: `SELECT 'subscription ' || s.id || ' is in chunk ' || c.id || ', which is not for it' AS fault
        FROM chunks c ${idsOfChunk} JOIN subscriptions s ON s.id = todo.id WHERE s.topic_id <> c.topic_id OR s.first_seq > c.seq`,
    },
    {
      meaning: "what it is owed is not delivered",
      question: `SELECT 'subscription ' || b.subscription_id || ' is behind, and '
          || CASE WHEN s.id IS NULL THEN 'not there' ELSE 'so with another topic' END AS fault
        FROM behind b LEFT JOIN subscriptions s ON s.id = b.subscription_id WHERE s.id IS NULL OR s.topic_id <> b.topic_id`,
    },
    {
      meaning: "it is sent what it has not asked for",
      question: `SELECT 'subscription ' || s.id || ' is owed publications ' || b.next || ' to ' || b.newest || ', of '
          || s.first_seq || ' to ' || t.last_seq AS fault
        FROM behind b JOIN subscriptions s ON s.id = b.subscription_id JOIN topics t ON t.id = s.topic_id
        WHERE b.next < s.first_seq OR b.newest > t.last_seq`,
    },
    {
      meaning: "what it is owed is lost",
      question: `SELECT 'subscription ' || b.subscription_id || ' is owed publications ' || b.next || ' to ' || b.newest || ' of topic '
          || b.topic_id || ', and not all are there' AS fault
        FROM behind b LEFT JOIN publications f ON f.topic_id = b.topic_id AND f.seq = b.next
          LEFT JOIN publications l ON l.topic_id = b.topic_id AND l.seq = b.newest
        WHERE b.next <= b.newest AND (f.seq IS NULL OR l.seq IS NULL)`,
    },
  ];
}

function ofRequests({ isSamePair }: Dialect): readonly Invariant[] {
  return [
    {
      meaning: "of one topic and callback the oldest is verified, then the next",
      question: `SELECT 'request ' || i.id || CASE WHEN i.due_at IS NULL THEN ' waits for one that is not there' ELSE ' does not wait for its turn' END AS fault
        FROM intents i WHERE i.dropped_at IS NULL AND (i.due_at IS NULL) <>
          EXISTS (SELECT 1 FROM intents e WHERE e.id < i.id AND e.dropped_at IS NULL AND ${isSamePair("e", "i")})`,
    },
    {
      meaning: "it is over, and must be nothing to anybody",
      question: `SELECT 'request ' || id || ' was dropped, and is due or has a secret' AS fault
        FROM intents WHERE dropped_at IS NOT NULL AND (due_at IS NOT NULL OR secret IS NOT NULL OR owner IS NOT NULL)`,
    },
  ];
}

/** Webhook-Ids are made of them. */
function ofIds({ lastId }: Dialect): readonly Invariant[] {
  return ["topics", "intents", "subscriptions", "chunks", "attempts", "blocks"].map((table) => ({
    meaning: "an id will be given a second time",
    question: `SELECT 'the highest id of ${table} is ' || max(id) || ', and the highest ever given ' || coalesce((${lastId(table)}), 0) AS fault
      FROM ${table} HAVING max(id) > coalesce((${lastId(table)}), 0)`,
  }));
}
