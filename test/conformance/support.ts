import { createSecretKey } from "node:crypto";

import type {
  AttemptRecord,
  CatchUpClaim,
  ChunkClaim,
  ChunkReport,
  FallBehind,
  Wait,
} from "../../src/model/delivery.ts";
import type { ShutHost } from "../../src/model/host.ts";
import type { IntentClaim, IntentDecision, NewIntent } from "../../src/model/intent.ts";
import type { PublicationKey } from "../../src/model/publication.ts";
import type { Subscription } from "../../src/model/subscription.ts";
import type { FetchClaim, FetchOutcome, Validators } from "../../src/model/topic.ts";
import { createSecrets } from "../../src/secrets.ts";
import type { Store } from "../../src/store/store.ts";
import type { Tally } from "./counts.ts";

/** A store under test, empty when opened. */
export type TestStore = AsyncDisposable & {
  /** The store in use: another one after a crash. */
  readonly store: Store;
  /** Opens it again as a process does after kill -9: what the former one had claimed is void, its late writes are refused. */
  crash(): Promise<void>;
  /** What it has counted of clients and hosts, and what there is. */
  tally(): Promise<Tally>;
  /** How many pieces of large bodies there are. */
  countParts(): Promise<number>;
  /** What `carillon verify-data` finds wrong with it. */
  faults(): Promise<readonly string[]>;
  /** As in a database that was filled by somebody who does not count. */
  forgetCounts(): Promise<void>;
};

/** What whoever uses the store seals secrets with, where a test is about that. */
export const secrets = createSecrets([createSecretKey(Buffer.alloc(32, "key"))]);
export const isSameSecret = secrets.isSame;

export type OpenStore = () => Promise<TestStore>;

export const topic = "https://blog.example/feed";
export const callback = "https://reader.example/cb";
export const start = new Date("2026-01-01T00:00:00Z");
/** More than any limit in a test. */
export const plenty = 100_000;
const none: Validators = { etag: undefined, lastModified: undefined };

export function after(ms: number): Date {
  return new Date(start.getTime() + ms);
}

export function intent(more: Partial<NewIntent> = {}): NewIntent {
  return {
    mode: "subscribe",
    topic,
    topicAsAsked: more.topic ?? topic,
    callback,
    secret: undefined,
    leaseSeconds: 864_000,
    verifyToken: undefined,
    signatureMethod: undefined,
    client: "203.0.113.7",
    ...more,
  };
}

/** Claims whatever is due and settles it, until nothing is. */
export async function settleIntents(store: Store, decision: IntentDecision, now = start): Promise<void> {
  for (;;) {
    const claims = await store.intents.claimIntents(plenty, plenty, now);
    if (claims.length === 0) return;
    await Promise.all(claims.map((claim) => store.intents.settleIntent(claim, decision, now)));
  }
}

export async function claimIntent(store: Store, now = start): Promise<IntentClaim> {
  return only(await store.intents.claimIntents(plenty, plenty, now));
}

/** Subscribes, or renews. */
export async function subscribe(store: Store, more: Partial<NewIntent> = {}, now = start): Promise<Subscription> {
  const wanted = intent(more);
  await store.intents.addIntent(wanted, now);
  await settleIntents(store, { next: "apply", verifiedAt: now }, now);
  return found(await store.subscriptions.find(wanted.topic, wanted.callback));
}

export async function unsubscribe(store: Store, more: Partial<NewIntent> = {}, now = start): Promise<void> {
  await store.intents.addIntent(intent({ ...more, mode: "unsubscribe" }), now);
  await settleIntents(store, { next: "apply", verifiedAt: now }, now);
}

/** `count` subscriptions, spread over a hundred origins. */
export async function subscribeMany(store: Store, count: number): Promise<readonly Subscription[]> {
  const callbacks = Array.from({ length: count }, (_, i) => `https://peer-${i % 100}.example/${i}`);
  const add = (one: string) => store.intents.addIntent(intent({ callback: one }), start);
  await Promise.all(callbacks.map(add));
  await settleIntents(store, { next: "apply", verifiedAt: start });
  const subscriptions = await Promise.all(callbacks.map((one) => store.subscriptions.find(topic, one)));
  return subscriptions.map(found);
}

export async function claimFetch(store: Store, now = start): Promise<FetchClaim> {
  return only(await store.topics.claimFetches(plenty, plenty, now));
}

export function changed(body: string | Buffer = "content", validators: Validators = none): FetchOutcome {
  return {
    kind: "changed",
    content: {
      body: typeof body === "string" ? Buffer.from(body) : body,
      contentType: "text/plain",
      links: { hubs: [], self: undefined },
    },
    fingerprint: `fingerprint of ${typeof body === "string" ? body : body.length}`,
    validators,
  };
}

export async function publish(store: Store, url = topic, now = start): Promise<PublicationKey> {
  await store.topics.ping([url], 0, now);
  const claim = await claimFetch(store, now);
  await store.topics.settleFetch(claim, changed(), 0, now);
  const { id, lastSeq } = found(await store.topics.find(url));
  return { topicId: id, seq: lastSeq };
}

/** Absent when there is nothing to deliver. */
export async function nextChunk(store: Store, now = start): Promise<ChunkClaim | undefined> {
  for (;;) {
    const claimed = await store.fanOuts.claimChunk(now);
    if (claimed.kind === "chunk") return claimed.chunk;
    if (claimed.kind === "idle") return undefined;
  }
}

export async function cut(store: Store, now = start): Promise<ChunkClaim> {
  return found(await nextChunk(store, now));
}

/** Every chunk that can be claimed while none is closed. */
export async function cutAll(store: Store, now = start): Promise<readonly ChunkClaim[]> {
  const chunks: ChunkClaim[] = [];
  for (let chunk = await nextChunk(store, now); chunk; chunk = await nextChunk(store, now)) chunks.push(chunk);
  return chunks;
}

/** That the breaker of an origin is open. */
export function shut(origin: string, trips = 1, ms = 30_000): ShutHost {
  return { origin, trips, until: after(ms) };
}

export function idsOf({ recipients }: Pick<ChunkClaim, "recipients">): readonly number[] {
  return recipients.map((recipient) => recipient.subscriptionId);
}

/** What closes a chunk, everybody having been delivered to but for `more`. */
export function closing(chunk: ChunkClaim, more: Partial<ChunkReport> = {}): ChunkReport {
  const { left = [], behind = [], gone = [], log = [] } = more;
  const delivered = more.delivered ?? chunk.recipients.length - left.length - behind.length - gone.length;
  return { left, behind, gone, log, delivered };
}

export function close(store: Store, chunk: ChunkClaim, more: Partial<ChunkReport> = {}): Promise<"kept" | "lost"> {
  return store.fanOuts.checkpoint(chunk, closing(chunk, more), start);
}

export function failure(subscriptionId: number, more: Partial<FallBehind> = {}): FallBehind {
  return { subscriptionId, token: undefined, ...wait(), ...more };
}

/** One failed attempt, due again at once. */
export function wait(more: Partial<Wait> = {}): Wait {
  return { attempts: 1, dueAt: start, hastenedBy: "nothing", ...more };
}

/** Publishes, and has the whole first chunk fail. */
export async function failNext(store: Store, more: Partial<FallBehind> = {}): Promise<ChunkClaim> {
  await publish(store);
  const chunk = await cut(store);
  await close(store, chunk, { behind: idsOf(chunk).map((id) => failure(id, more)) });
  return chunk;
}

/** Who is to be behind, and how. */
export type Behind = Partial<FallBehind> & Partial<Pick<NewIntent, "leaseSeconds">> & Pick<NewIntent, "callback">;

/** Subscribes all of them, publishes once, and has each fail in its own way. Resolves to their ids. */
export async function fallBehind(store: Store, all: readonly Behind[]): Promise<readonly number[]> {
  const wanted = all.map(({ callback: one, leaseSeconds = 864_000 }) => intent({ callback: one, leaseSeconds }));
  await Promise.all(wanted.map((one) => store.intents.addIntent(one, start)));
  await settleIntents(store, { next: "apply", verifiedAt: start });
  await publish(store);
  const ways = new Map(all.map((one) => [one.callback, one]));
  for (const chunk of await cutAll(store)) {
    const behind = chunk.recipients.flatMap(({ subscriptionId, callback: one }) => {
      const way = ways.get(one);
      return way === undefined ? [] : [failure(subscriptionId, { ...pickWait(way), token: way.token })];
    });
    await close(store, chunk, { behind });
  }
  return Promise.all(all.map(async (one) => found(await store.subscriptions.find(topic, one.callback)).id));
}

function pickWait({ attempts = 1, dueAt = start, hastenedBy = "nothing" }: Partial<Wait>): Wait {
  return { attempts, dueAt, hastenedBy };
}

/** `count` callbacks of one host. */
export function callbacksAt(host: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `https://${host}/${i}`);
}

export async function claimCatchUp(store: Store, now = start): Promise<CatchUpClaim> {
  return only(await store.behind.claimCatchUps(plenty, plenty, now));
}

/** Claims until nobody is left to claim. */
export async function claimAll(store: Store, now = start, perOrigin = plenty): Promise<readonly CatchUpClaim[]> {
  const all: CatchUpClaim[] = [];
  for (;;) {
    const claims = await store.behind.claimCatchUps(plenty, perOrigin, now);
    if (claims.length === 0) return all;
    all.push(...claims);
  }
}

export function record(key: PublicationKey, more: Partial<AttemptRecord> = {}): AttemptRecord {
  const { topicId, seq } = key;
  const rest = { subscriptionId: undefined, count: 1, attempt: 1, status: 200, reason: undefined, durationMs: 5 };
  return { topicId, seq, at: start, outcome: "delivered", ...rest, ...more };
}

/** Everybody answers 2xx until nothing is due. Resolves to `subscription id: publication` in order. */
export async function deliverAll(store: Store, now = start): Promise<readonly string[]> {
  const deliveries: string[] = [];
  for (;;) {
    const chunk = await nextChunk(store, now);
    const claims = await store.behind.claimCatchUps(plenty, plenty, now);
    if (chunk === undefined && claims.length === 0) return deliveries;
    for (const id of chunk ? idsOf(chunk) : []) deliveries.push(`${id}: ${chunk?.seq}`);
    if (chunk) await store.fanOuts.checkpoint(chunk, closing(chunk), now);
    for (const claim of claims) {
      deliveries.push(`${claim.subscriptionId}: ${claim.seq}`);
      await store.behind.settleCatchUp(claim, { kind: "delivered" }, record(claim), now);
    }
  }
}

export function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("there is none");
  return value;
}

export function only<T>(values: readonly T[]): T {
  const [first, ...rest] = values;
  if (rest.length > 0) throw new Error(`there are ${values.length}, not one`);
  return found(first);
}
