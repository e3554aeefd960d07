import { hostOf, originOf } from "../../model/origin.ts";
import type { OpenedSecret, Pair } from "../../model/secret.ts";
import { hostQuota, noQuota, pendingQuotas, type Quota } from "../rows/quota.ts";
import { type Invariant, invariantsOf } from "./invariants.ts";
import type { Reading } from "./reading.ts";

/** What is told of one kind; then only that there are more. */
const mostOfKind = 20;

/**
 * Everything that is wrong with what is stored, a line each that says what it means; nothing when all is well. `open`: how
 * secrets are opened; absent: they are not tried. Memory grows with clients, hosts and origins, not with rows.
 */
export async function* findFaults(
  reading: Reading,
  open: ((kept: string, pair: Pair) => OpenedSecret) | undefined,
): AsyncGenerator<string> {
  let isDamaged = false;
  for await (const complaint of reading.findDamage()) {
    isDamaged = true;
    yield `damaged: ${complaint}`;
  }
  // What cannot be read well cannot be judged.
  if (isDamaged) return;
  for (const invariant of invariantsOf(reading.dialect)) yield* firstOf(ask(reading, invariant));
  yield* firstOf(findMisplaced(reading));
  yield* firstOf(findMiscounted(reading));
  if (open !== undefined) for (const table of sealedTables) yield* firstOf(findClosed(reading, table, open));
}

async function* firstOf(faults: AsyncIterable<string>): AsyncGenerator<string> {
  let count = 0;
  for await (const fault of faults) {
    count += 1;
    if (count <= mostOfKind) yield fault;
  }
  if (count > mostOfKind) yield `and ${count - mostOfKind} more of this kind`;
}

async function* ask(reading: Reading, { question, meaning }: Invariant): AsyncGenerator<string> {
  for await (const { fault } of reading.rows<{ readonly fault: string }>(question)) yield `${fault}: ${meaning}`;
}

type Placed = { readonly what: string; readonly url: string; readonly place: string };

const placed: readonly (readonly [question: string, placeOf: (url: string) => string])[] = [
  ["SELECT 'topic ' || id AS what, url, host AS place FROM topics", hostOf],
  ["SELECT 'request ' || id AS what, callback AS url, host AS place FROM intents", hostOf],
  [
    `SELECT 'subscription ' || s.id || ', which is behind,' AS what, s.callback AS url, b.origin AS place
       FROM behind b JOIN subscriptions s ON s.id = b.subscription_id`,
    originOf,
  ],
];

/** Pace and limits go by the host or origin that stands beside a URL. */
async function* findMisplaced(reading: Reading): AsyncGenerator<string> {
  for (const [question, placeOf] of placed) {
    for await (const { what, url, place } of reading.rows<Placed>(question)) {
      if (!URL.canParse(url)) yield `${what} has no URL: nothing can be sent there`;
      else if (placeOf(url) !== place) yield `${what} counts as one of ${place}: its host is asked too often, or never`;
    }
  }
}

type Counted = { readonly client: string; readonly callback: string };

/** A cap goes by the count, however many there are. */
async function* findMiscounted(reading: Reading): AsyncGenerator<string> {
  const counts = new Map<string, Quota>();
  const add = (name: string, { pending, subscriptions }: Quota) => {
    const before = counts.get(name) ?? noQuota;
    counts.set(name, { pending: before.pending + pending, subscriptions: before.subscriptions + subscriptions });
  };
  for await (const asked of reading.rows<Counted>("SELECT client, callback FROM intents WHERE dropped_at IS NULL")) {
    const names = URL.canParse(asked.callback) ? pendingQuotas(asked) : [];
    for (const name of names) add(name, { pending: 1, subscriptions: 0 });
  }
  for await (const { callback } of reading.rows<Counted>("SELECT callback FROM subscriptions"))
    if (URL.canParse(callback)) add(hostQuota(hostOf(callback)), { pending: 0, subscriptions: 1 });
  for await (const kept of reading.rows<Quota & { readonly name: string }>(
    "SELECT name, pending, subscriptions FROM quotas",
  )) {
    yield* compare(kept.name, kept, counts.get(kept.name) ?? noQuota);
    counts.delete(kept.name);
  }
  for (const [name, counted] of counts) yield* compare(name, noQuota, counted);
}

function* compare(name: string, kept: Quota, counted: Quota): Generator<string> {
  if (kept.pending === counted.pending && kept.subscriptions === counted.subscriptions) return;
  const tell = ({ pending, subscriptions }: Quota) => `${pending} requests and ${subscriptions} subscriptions`;
  yield `${name} counts ${tell(kept)}, and has ${tell(counted)}: too many or too few are let in`;
}

type Sealed = Pair & { readonly what: string; readonly secret: Buffer };

const sealedTables = [
  ["'request ' || i.id", "i.topic", "intents i"],
  ["'subscription ' || i.id", "t.url", "subscriptions i JOIN topics t ON t.id = i.topic_id"],
] as const;

/** Nothing is ever delivered unsigned in its place. */
async function* findClosed(
  reading: Reading,
  [what, topic, from]: (typeof sealedTables)[number],
  open: (kept: string, pair: Pair) => OpenedSecret,
): AsyncGenerator<string> {
  const question = `SELECT ${what} AS what, ${topic} AS topic, i.callback, ${reading.dialect.secret("i.secret")} AS secret
    FROM ${from} WHERE i.secret IS NOT NULL`;
  for await (const row of reading.rows<Sealed>(question)) {
    const opened = open(row.secret.toString(), row);
    if (opened.kind === "opened") continue;
    const why = opened.kind === "damaged" ? "was changed" : `is sealed with key ${opened.keyId}, which is not set`;
    yield `the secret of ${row.what} ${why}: nothing is delivered there until it is renewed`;
  }
}
