import { readFile, writeFile } from "node:fs/promises";

import { describe, expect, test } from "vitest";

import { after, close, cut, failure, idsOf, intent, publish, subscribeMany } from "../conformance/support.ts";
import { type Place, places } from "../secrets/places.ts";
import { openTestHub, testSecretKey } from "../support/test-hub.ts";
import { runCommand } from "../support/command.ts";

type Kind = "SQLite" | "PostgreSQL";

/** What is done to sound data, and what is said of it. Statements that differ are given by database. */
type Plant = { readonly spoil: string | Readonly<Record<Kind, string>>; readonly faults: readonly string[] };

const twoOwners = "it has two owners, and may get a publication twice or two in the wrong order";
const unseen = "its end is never seen, or seen too soon";
const unasked = "it is sent what it has not asked for";
const lost = "its content is lost to those who have not got it";

// Subscription 1 is behind with publication 1, and 2 to 4 are in its chunk, still open. Requests 5 and 6 are of one pair.
const plants: readonly Plant[] = [
  {
    spoil: "UPDATE topics SET subscribers = 9, host = 'other.example' WHERE id = 1",
    faults: [
      "topic 1 counts 9 subscriptions, and has 4: at 0 a topic is fetched no more, and is removed",
      "topic 1 counts as one of other.example: its host is asked too often, or never",
    ],
  },
  {
    spoil: "UPDATE subscriptions SET first_seq = 9 WHERE id = 4",
    faults: [
      "subscription 4 is owed from publication 9 on, and its topic has 1: it misses publications made after it began",
      `subscription 4 is in chunk 1, which is not for it: ${unasked}`,
    ],
  },
  {
    spoil: "UPDATE subscriptions SET expires_at = verified_at WHERE id = 3",
    faults: ["the lease of subscription 3 ends before it begins: it never was in force"],
  },
  {
    spoil: `INSERT INTO behind (subscription_id, topic_id, origin, next, newest, attempts, due_at, retry_at, hastened_by)
              SELECT 2, topic_id, 'https://peer-1.example', next, newest, 1, 0, 0, 0 FROM behind`,
    faults: [`subscription 2 is behind, and in chunk 1: ${twoOwners}`],
  },
  {
    spoil: {
      SQLite: "INSERT INTO chunks (topic_id, seq, todo) VALUES (1, 1, '[3]'), (1, 8, '[]')",
      PostgreSQL: `INSERT INTO chunks (topic_id, seq, owner, lease_until, todo)
                     VALUES (1, 1, '', '-infinity', '{3}'), (1, 8, '', '-infinity', '{}')`,
    },
    faults: [
      `subscription 3 is in 2 chunks: ${twoOwners}`,
      `the fan-out of publication 1 of topic 1 counts 1 open chunks, and has 2: ${unseen}`,
      "chunk 3 belongs to publication 8 of topic 1, which has no fan-out: those in it do not get it",
    ],
  },
  {
    spoil: {
      SQLite:
        "INSERT INTO topics (id, url, host, policy) VALUES (2, 'https://blog.example/2', 'blog.example', 'latest')",
      PostgreSQL: `INSERT INTO topics (id, url, host, policy) OVERRIDING SYSTEM VALUE
                     VALUES (2, 'https://blog.example/2', 'blog.example', 'latest'); SELECT setval('topics_id_seq', 9)`,
    },
    faults: [],
  },
  {
    spoil: `INSERT INTO publications (topic_id, seq, content_type, links, published_at, body) SELECT 2, 5, content_type, links, published_at, body FROM publications;
            INSERT INTO fan_outs (topic_id, seq, start, cursor, cut_done) VALUES (2, 6, 0, 0, true);
            INSERT INTO fan_outs (topic_id, seq, start, cursor, cuts) VALUES (2, 7, 0, 0, 1)`,
    faults: [
      "topic 2 counts 0 publications, and has number 5: the next publication gets a number that is taken",
      "publication 5 of topic 2 has no fan-out: it is neither delivered nor ever removed",
      `the fan-out of publication 6 of topic 2 is not done, with 0 open chunks and nobody to come: ${unseen}`,
      `the fan-out of publication 6 of topic 2 is not done, and the publication is gone: ${lost}`,
      `the fan-out of publication 7 of topic 2 is not done, and the publication is gone: ${lost}`,
      "the fan-out of publication 7 of topic 2 has begun before that of 6 is done: publications of a topic may arrive in the wrong order",
    ],
  },
  {
    spoil: `INSERT INTO body_parts SELECT 'torn', 1, body FROM publications WHERE topic_id = 2;
            UPDATE publications SET large_body = 'torn' WHERE topic_id = 2`,
    faults: [`publication 5 of topic 2 has 1 parts of its body, the last being 1: ${lost}`],
  },
  {
    spoil: "UPDATE behind SET newest = 3, origin = 'https://other.example' WHERE subscription_id = 1",
    faults: [
      `subscription 1 is owed publications 1 to 3, of 1 to 1: ${unasked}`,
      "subscription 1 is owed publications 1 to 3 of topic 1, and not all are there: what it is owed is lost",
      "subscription 1, which is behind, counts as one of https://other.example: its host is asked too often, or never",
    ],
  },
  {
    spoil: "UPDATE intents SET due_at = NULL WHERE id = 5; UPDATE intents SET due_at = 0 WHERE id = 6",
    faults: [
      "request 5 waits for one that is not there: of one topic and callback the oldest is verified, then the next",
      "request 6 does not wait for its turn: of one topic and callback the oldest is verified, then the next",
    ],
  },
  {
    spoil: "UPDATE intents SET dropped_at = 1 WHERE id = 7",
    faults: [
      "request 7 was dropped, and is due or has a secret: it is over, and must be nothing to anybody",
      "host third.example counts 1 requests and 0 subscriptions, and has 0 requests and 0 subscriptions: too many or too few are let in",
    ],
  },
  {
    spoil: {
      SQLite: "UPDATE subscriptions SET secret = 'sealed:1:00000000:AAAA' WHERE id = 1",
      PostgreSQL: "UPDATE subscriptions SET secret = convert_to('sealed:1:00000000:AAAA', 'UTF8') WHERE id = 1",
    },
    faults: [
      "the secret of subscription 1 is sealed with key 00000000, which is not set: nothing is delivered there until it is renewed",
    ],
  },
  {
    spoil: {
      SQLite: "UPDATE sqlite_sequence SET seq = 2 WHERE name = 'subscriptions'",
      PostgreSQL: "SELECT setval('subscriptions_id_seq', 2)",
    },
    faults: ["the highest id of subscriptions is 4, and the highest ever given 2: an id will be given a second time"],
  },
  {
    spoil: {
      SQLite: `PRAGMA foreign_keys = OFF; INSERT INTO subscriptions (topic_id, callback, first_seq, verified_at, expires_at)
                 VALUES (99, 'https://lone.example/', 1, 1, 2); DELETE FROM subscriptions WHERE id = 2`,
      PostgreSQL: `SET session_replication_role = replica; DELETE FROM subscriptions WHERE id = 2;
                   SELECT setval('subscriptions_id_seq', 4); INSERT INTO subscriptions (topic_id, callback, first_seq, verified_at, expires_at)
                     VALUES (99, 'https://lone.example/', 1, 1, 2); SELECT setval('subscriptions_id_seq', 2)`,
    },
    faults: [
      "subscription 5 is to topic 99, which is not there: nothing can be delivered to it",
      "subscription 2 is behind, and not there: what it is owed is not delivered",
      "host lone.example counts 0 requests and 0 subscriptions, and has 0 requests and 1 subscriptions: too many or too few are let in",
    ],
  },
];

async function fill({ store }: Awaited<ReturnType<typeof openTestHub>>): Promise<void> {
  await subscribeMany(store, 4);
  await publish(store);
  const chunk = await cut(store);
  const [failed = 0, ...left] = idsOf(chunk);
  await close(store, chunk, { left, behind: [failure(failed)] });
  for (const secret of ["one", "two"]) await store.intents.addIntent(intent({ secret }), after(0));
  await store.intents.addIntent(intent({ callback: "https://third.example/" }), after(0));
}

function verify({ url }: Place) {
  return runCommand(["verify-data"], { DATABASE_URL: url, SECRET_KEY: testSecretKey });
}

describe.each(places)("$kind: carillon verify-data", ({ kind, open }) => {
  test("finds sound data sound, beside a hub that runs, and tells each fault in a line with what it means", async () => {
    await using place = await open();
    await using hub = await openTestHub({ database: place });
    await fill(hub);
    expect(await verify(place)).toEqual({ code: 0, lines: [expect.stringMatching(/ is sound$/)], complaint: "" });

    let before: readonly string[] = [];
    for (const { spoil, faults } of plants) {
      await place.run(typeof spoil === "string" ? spoil : spoil[kind as Kind]);
      if (faults.length === 0) continue;
      const { code, lines, complaint } = await verify(place);
      expect(code).toBe(1);
      expect(complaint).toContain(`has ${lines.length} faults`);
      for (const fault of faults) {
        expect(before).not.toContain(fault);
        expect(lines).toContain(fault);
      }
      before = lines;
    }
  });
});

test("SQLite: carillon verify-data tells of damage, and changes nothing", async () => {
  await using place = await (places[0]?.open ?? fail)();
  {
    await using hub = await openTestHub({ database: place });
    await fill(hub);
  }
  const file = place.url.slice("file:".length);
  const bytes = await readFile(file);
  const page = bytes.indexOf("https://peer-1.example/1") & ~4095;
  bytes.fill(0xee, page, page + 512);
  await writeFile(file, bytes);
  const { code, lines, complaint } = await verify(place);
  expect(code).toBe(1);
  expect(complaint).toContain("carillon restore FILE");
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) expect(line).toMatch(/^damaged: /);
  expect((await readFile(file)).equals(bytes)).toBe(true);
});

function fail(): never {
  throw new Error("there is none");
}
