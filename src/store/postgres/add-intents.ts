import type { IntentCap, IntentCaps, NewIntent } from "../../model/intent.ts";
import { hostOf } from "../../model/origin.ts";
import type { IsSameSecret } from "../../model/secret.ts";
import { type IntentRow, isSameRequest } from "../rows/intent-row.ts";
import { askerQuota, findFull, hostQuota, pendingQuotas, startOf } from "../rows/quota.ts";
import { pairOf, type StoredIntent, toIntentRow } from "./intent-rows.ts";
import { readQuotas } from "./quotas.ts";
import { type Session, sql } from "./statement.ts";
import { toBytes, toText } from "./text-columns.ts";
import type { Transaction } from "./transaction.ts";

export type Asked = {
  readonly intent: NewIntent;
  readonly now: Date;
  /** The time that leases are judged by. Absent: the present. */
  readonly leaseNow?: Date;
  readonly caps: IntentCaps;
};

type Placed = Asked & { readonly pair: Buffer; readonly key: string; readonly host: string };
type Added = Placed & { readonly startAt: number; readonly isFirst: boolean };

// Locked, so that none of them is settled, and the next of its pair begun, before ours is there.
const newestOfPairs = sql(
  `SELECT newest.* FROM unnest($1::bytea[]) asked(pair) CROSS JOIN LATERAL (
     SELECT * FROM intents i WHERE i.pair = asked.pair AND dropped_at IS NULL
      ORDER BY id DESC LIMIT 1 FOR NO KEY UPDATE) newest`,
);
const subscribedPairs = sql(
  `SELECT asked.pair FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bigint[]) asked(pair, topic, callback, lease_now)
     JOIN topics t ON md5(t.url) = md5(asked.topic) AND t.url = asked.topic
     JOIN subscriptions s ON s.topic_id = t.id AND md5(s.callback) = md5(asked.callback) AND s.callback = asked.callback
    WHERE s.expires_at > asked.lease_now`,
);
const countOfPairs = sql(
  `SELECT asked.pair, asked.client, (SELECT count(*) FROM intents i
                                      WHERE i.pair = asked.pair AND dropped_at IS NULL AND i.client = asked.client) AS count
     FROM unnest($1::bytea[], $2::text[]) asked(pair, client)`,
);
// A second first one of a pair is refused, and all is done again.
const insert = sql(
  `INSERT INTO intents (mode, topic, topic_as_asked, callback, pair, host, client, secret, lease_seconds, verify_token,
                        signature_method, start_at, due_at, denial)
   SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[], $8::bytea[],
                        $9::float8[], $10::bytea[], $11::text[], $12::bigint[], $13::bigint[], $14::text[])`,
);

/** Records intents in the order in which they were asked for. Resolves to the cap that keeps each out, if one does. */
export async function addIntents(
  session: Transaction,
  asked: readonly Asked[],
  isSameSecret: IsSameSecret,
): Promise<readonly (IntentCap | undefined)[]> {
  const placed = asked.map((one): Placed => {
    const pair = pairOf(one.intent);
    return { ...one, pair, key: pair.toString("hex"), host: hostOf(one.intent.callback) };
  });
  const before = await lockNewest(session, placed);
  const known = await readKnown(session, placed, before);
  const newest = new Map(before);
  const added: Added[] = [];
  const judge = (one: Placed): IntentCap | undefined => {
    const { intent, now, caps, key } = one;
    const last = newest.get(key);
    if (last && isSameRequest(last, intent, isSameSecret)) return undefined;
    if (intent.mode === "unsubscribe" && last === undefined && !known.isSubscribed(key)) return undefined;
    const client = known.quotas.get(askerQuota(intent));
    const full = findFull(intent.mode, caps, {
      client,
      host: known.quotas.get(hostQuota(one.host)),
      ofPair: () => known.ofPair.get(nameOf(one)) ?? 0,
      isSubscribed: () => known.isSubscribed(key),
    });
    if (full !== undefined) return full;
    added.push({ ...one, startAt: startOf(now, client, caps), isFirst: last === undefined });
    newest.set(key, toPending(intent));
    for (const name of pendingQuotas(intent)) known.quotas.add(name, { pending: 1 });
    known.ofPair.set(nameOf(one), (known.ofPair.get(nameOf(one)) ?? 0) + 1);
    return undefined;
  };
  const results = placed.map(judge);
  if (added.length > 0) await insertAll(session, added);
  return results;
}

async function lockNewest(session: Session, placed: readonly Placed[]): Promise<ReadonlyMap<string, IntentRow>> {
  const pairs = new Map(placed.map(({ key, pair }) => [key, pair]));
  const inOrder = [...pairs.values()].toSorted((a, b) => a.compare(b));
  const rows = await session.all<StoredIntent>(newestOfPairs, inOrder);
  return new Map(rows.map((row) => [row.pair.toString("hex"), toIntentRow(row)]));
}

/** What is to be known of those who ask, as far as it matters to any of them. */
async function readKnown(session: Session, placed: readonly Placed[], newest: ReadonlyMap<string, IntentRow>) {
  const names = placed.flatMap(({ intent, host }) => [askerQuota(intent), hostQuota(host)]);
  const quotas = await readQuotas(session, names);
  const subscribed = await listSubscribed(
    session,
    placed.filter(({ intent, caps, host }) => {
      return intent.mode === "unsubscribe" || quotas.get(hostQuota(host)).subscriptions >= caps.subscriptions;
    }),
  );
  const ofPair = await countPairs(
    session,
    placed.filter(({ key, caps }) => caps.pair < Infinity && newest.has(key)),
  );
  return { quotas, ofPair, isSubscribed: (key: string) => subscribed.has(key) };
}

/** A pair and a client. */
function nameOf({ key, intent }: Placed): string {
  return `${key} ${intent.client}`;
}

async function countPairs(session: Session, placed: readonly Placed[]): Promise<Map<string, number>> {
  if (placed.length === 0) return new Map();
  const rows = await session.all<{ readonly pair: Buffer; readonly client: string; readonly count: number }>(
    countOfPairs,
    placed.map(({ pair }) => pair),
    placed.map(({ intent }) => intent.client),
  );
  return new Map(rows.map(({ pair, client, count }) => [`${pair.toString("hex")} ${client}`, count]));
}

async function listSubscribed(session: Session, placed: readonly Placed[]): Promise<ReadonlySet<string>> {
  if (placed.length === 0) return new Set();
  const rows = await session.all<{ readonly pair: Buffer }>(
    subscribedPairs,
    placed.map(({ pair }) => pair),
    placed.map(({ intent }) => intent.topic),
    placed.map(({ intent }) => intent.callback),
    placed.map(({ now, leaseNow = now }) => leaseNow.getTime()),
  );
  return new Set(rows.map(({ pair }) => pair.toString("hex")));
}

/** As it will be read by whoever asks next. */
function toPending(intent: NewIntent): IntentRow {
  const { mode, topic, topicAsAsked, callback, client, secret = null, leaseSeconds } = intent;
  const { verifyToken = null, signatureMethod = null } = intent;
  const terms = { secret, lease_seconds: leaseSeconds, verify_token: verifyToken, signature_method: signatureMethod };
  const state = { start_at: 0, attempts: 0, owner: null, denial: null };
  return { id: 0, mode, topic, topic_as_asked: topicAsAsked, callback, client, ...terms, ...state };
}

async function insertAll(session: Transaction, added: readonly Added[]): Promise<void> {
  const column = <T>(of: (intent: NewIntent) => T) => added.map(({ intent }) => of(intent));
  await session.run(
    insert,
    column(({ mode }) => mode),
    column(({ topic }) => topic),
    column(({ topicAsAsked }) => topicAsAsked),
    column(({ callback }) => callback),
    added.map(({ pair }) => pair),
    added.map(({ host }) => host),
    column(({ client }) => client),
    column(({ secret }) => toBytes(secret)),
    column(({ leaseSeconds }) => leaseSeconds),
    column(({ verifyToken }) => toBytes(verifyToken)),
    column(({ signatureMethod }) => signatureMethod ?? null),
    added.map(({ startAt }) => startAt),
    added.map(({ startAt, isFirst }) => (isFirst ? startAt : null)),
    column(({ denial }) => toText(denial)),
  );
  for (const name of added.flatMap(({ intent }) => pendingQuotas(intent))) session.count(name, { pending: 1 });
}
