import type { NewIntent } from "../../model/intent.ts";
import { originOf } from "../../model/origin.ts";
import { type IntentRow, isSameRequest } from "../rows/intent-row.ts";
import { pairOf, type StoredIntent, toIntentRow } from "./intent-rows.ts";
import { type Session, sql } from "./statement.ts";
import { toBytes } from "./text-columns.ts";

export type Asked = { readonly intent: NewIntent; readonly now: Date };

// Locked, so that none of them is settled, and the next of its pair begun, before ours is there.
const newestOfPairs = sql(
  `SELECT newest.* FROM unnest($1::bytea[]) asked(pair) CROSS JOIN LATERAL (
     SELECT * FROM intents i WHERE i.pair = asked.pair AND dropped_at IS NULL
      ORDER BY id DESC LIMIT 1 FOR NO KEY UPDATE) newest`,
);
const subscribed = sql(
  `SELECT asked.pair FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bigint[]) asked(pair, topic, callback, now)
     JOIN topics t ON md5(t.url) = md5(asked.topic) AND t.url = asked.topic
     JOIN subscriptions s ON s.topic_id = t.id AND md5(s.callback) = md5(asked.callback) AND s.callback = asked.callback
    WHERE s.expires_at > asked.now`,
);
// A second first one of a pair is refused, and all is done again.
const insert = sql(
  `INSERT INTO intents (mode, topic, topic_as_asked, callback, pair, origin, secret, lease_seconds, verify_token,
                        signature_method, created_at, due_at)
   SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::bytea[], $8::float8[],
                        $9::bytea[], $10::text[], $11::bigint[], $12::bigint[])`,
);

/** Records intents in the order in which they were asked for. */
export async function addIntents(session: Session, asked: readonly Asked[]): Promise<void> {
  const pairs = new Map(asked.map(({ intent }) => [keyOf(intent), pairOf(intent)]));
  const inOrder = [...pairs.values()].toSorted((a, b) => a.compare(b));
  const rows = await session.all<StoredIntent>(newestOfPairs, inOrder);
  const newest = new Map(rows.map((row) => [row.pair.toString("hex"), toIntentRow(row)]));
  const known = await listSubscribed(session, asked);
  const added: (Asked & { readonly pair: Buffer; readonly isFirst: boolean })[] = [];
  for (const { intent, now } of asked) {
    const pair = pairOf(intent);
    const key = pair.toString("hex");
    const before = newest.get(key);
    if (before && isSameRequest(before, intent)) continue;
    if (intent.mode === "unsubscribe" && before === undefined && !known.has(key)) continue;
    added.push({ intent, now, pair, isFirst: before === undefined });
    newest.set(key, toPending(intent, now));
  }
  if (added.length > 0) await session.run(insert, ...toColumns(added));
}

function keyOf({ topic, callback }: NewIntent): string {
  return JSON.stringify([topic, callback]);
}

/** Which pairs have a subscription; only who wants to unsubscribe needs one. */
async function listSubscribed(session: Session, asked: readonly Asked[]): Promise<ReadonlySet<string>> {
  const unsubscribing = asked.filter(({ intent }) => intent.mode === "unsubscribe");
  if (unsubscribing.length === 0) return new Set();
  const rows = await session.all<{ readonly pair: Buffer }>(
    subscribed,
    unsubscribing.map(({ intent }) => pairOf(intent)),
    unsubscribing.map(({ intent }) => intent.topic),
    unsubscribing.map(({ intent }) => intent.callback),
    unsubscribing.map(({ now }) => now.getTime()),
  );
  return new Set(rows.map(({ pair }) => pair.toString("hex")));
}

/** As it will be read by whoever asks next. */
function toPending(intent: NewIntent, now: Date): IntentRow {
  const { mode, topic, topicAsAsked, callback, secret = null, leaseSeconds } = intent;
  const { verifyToken = null, signatureMethod = null } = intent;
  const terms = { secret, lease_seconds: leaseSeconds, verify_token: verifyToken, signature_method: signatureMethod };
  const state = { created_at: now.getTime(), attempts: 0, owner: null, denial: null };
  return { id: 0, mode, topic, topic_as_asked: topicAsAsked, callback, ...terms, ...state };
}

function toColumns(
  added: readonly (Asked & { readonly pair: Buffer; readonly isFirst: boolean })[],
): readonly unknown[] {
  const column = <T>(of: (intent: NewIntent) => T) => added.map(({ intent }) => of(intent));
  return [
    column(({ mode }) => mode),
    column(({ topic }) => topic),
    column(({ topicAsAsked }) => topicAsAsked),
    column(({ callback }) => callback),
    added.map(({ pair }) => pair),
    column(({ callback }) => originOf(callback)),
    column(({ secret }) => toBytes(secret)),
    column(({ leaseSeconds }) => leaseSeconds),
    column(({ verifyToken }) => toBytes(verifyToken)),
    column(({ signatureMethod }) => signatureMethod ?? null),
    added.map(({ now }) => now.getTime()),
    added.map(({ now, isFirst }) => (isFirst ? now.getTime() : null)),
  ];
}
