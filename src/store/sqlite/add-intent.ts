import type { IntentCap, IntentCaps, NewIntent } from "../../model/intent.ts";
import { hostOf } from "../../model/origin.ts";
import type { IsSameSecret } from "../../model/secret.ts";
import { type IntentRow, isSameRequest } from "../rows/intent-row.ts";
import { askerQuota, findFull, hostQuota, noCaps, pendingQuotas, startOf } from "../rows/quota.ts";
import type { Database } from "./database.ts";

/** Records an intent, inside a write. Returns the cap that keeps it out, if one does. */
export function createAddIntent(
  { connection, quotas, leaseTime }: Database,
  isSameSecret: IsSameSecret,
): (intent: NewIntent, now: Date, caps?: IntentCaps) => IntentCap | undefined {
  const newest = connection.prepare<object, IntentRow>(
    `SELECT * FROM intents WHERE callback = +@callback AND topic = +@topic AND dropped_at IS NULL
      ORDER BY id DESC LIMIT 1`,
  );
  const ofPair = connection.prepare<object, { readonly count: number }>(
    `SELECT count(*) AS count FROM intents WHERE callback = +@callback AND topic = +@topic AND dropped_at IS NULL
        AND client = +@client`,
  );
  const isSubscribed = connection.prepare(
    `SELECT 1 FROM subscriptions s JOIN topics t ON t.id = s.topic_id
      WHERE s.callback = +@callback AND t.url = +@topic AND s.expires_at > @leaseNow`,
  );
  const insert = connection.prepare(
    `INSERT INTO intents (mode, topic, topic_as_asked, callback, host, client, secret, lease_seconds, verify_token,
                          signature_method, start_at, due_at, denial)
     VALUES (@mode, @topic, @topicAsAsked, @callback, @host, @client, @secret, @leaseSeconds, @verifyToken,
             @signatureMethod, @startAt, @dueAt, @denial)`,
  );

  return (intent, date, caps = noCaps) => {
    const { topic, callback, mode, client } = intent;
    const before = newest.get({ topic, callback });
    if (before && isSameRequest(before, intent, isSameSecret)) return undefined;
    const isKnown = () => isSubscribed.get({ topic, callback, leaseNow: leaseTime(date).getTime() }) !== undefined;
    if (mode === "unsubscribe" && before === undefined && !isKnown()) return undefined;
    const host = hostOf(callback);
    const counted = { client: quotas.get(askerQuota(intent)), host: quotas.get(hostQuota(host)) };
    const countOfPair = () => (before === undefined ? 0 : (ofPair.get({ topic, callback, client })?.count ?? 0));
    const full = findFull(mode, caps, { ...counted, ofPair: countOfPair, isSubscribed: isKnown });
    if (full !== undefined) return full;
    const { secret = null, verifyToken = null, signatureMethod = null, denial = null } = intent;
    const startAt = startOf(date, counted.client, caps);
    const dueAt = before === undefined ? startAt : null;
    insert.run({ ...intent, secret, verifyToken, signatureMethod, denial, host, startAt, dueAt });
    for (const name of pendingQuotas(intent)) quotas.add(name, { pending: 1 });
    return undefined;
  };
}
