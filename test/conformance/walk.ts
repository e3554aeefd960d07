import type { CatchUpClaim, CatchUpOutcome, ChunkClaim, FallBehind, Gone } from "../../src/model/delivery.ts";
import type { Recipient } from "../../src/model/subscription.ts";
import type { TopicPolicy } from "../../src/model/topic.ts";
import { after, closing, nextChunk, plenty, publish, record, subscribe, subscribeMany, wait } from "./support.ts";
import { found, idsOf, type TestStore, topic, unsubscribe } from "./support.ts";
import { createLedger, insist } from "./walk-ledger.ts";

/** One topic, a few restless subscriptions, and everything that may happen to them. A step that cannot be taken does nothing. */
export type Walk = {
  publish(): Promise<void>;
  /** Or renews. */
  subscribe(who: number, secret: number): Promise<void>;
  unsubscribe(who: number): Promise<void>;
  cut(): Promise<void>;
  /** Some of a claimed chunk end, each in its own way. */
  checkpoint(pick: number, dice: number): Promise<void>;
  catchUp(limit: number): Promise<void>;
  settle(pick: number, dice: number): Promise<void>;
  wait(ms: number): Promise<void>;
  tidy(): Promise<void>;
  crash(): Promise<void>;
  /** Whoever was before a crash writes after it. */
  haunt(): Promise<void>;
  changePolicy(policy: TopicPolicy): Promise<void>;
  /** From now on everybody answers 2xx: all work must end, with nothing left to keep. */
  quiesce(): Promise<void>;
};

/** `since` is when the terms were read. */
type OpenChunk = { readonly chunk: ChunkClaim; readonly since: number; left: readonly Recipient[] };
type Attempt = Omit<CatchUpClaim, "attempts" | "retryAt"> & { readonly since: number };

export async function openWalk(opened: TestStore, initial: TopicPolicy, bystanders: number): Promise<Walk> {
  const ledger = createLedger();
  /** When each subscription was last renewed, and the moment now, in steps taken. */
  const renewedAt = new Map<number, number>();
  let step = 0;
  let chunks: OpenChunk[] = [];
  let attempts: Attempt[] = [];
  const ghosts: { chunks: OpenChunk[]; attempts: Attempt[] } = { chunks: [], attempts: [] };
  let now = after(0);
  let policy: TopicPolicy | "changed" = initial;
  let lastToken = 0;

  for (const { id, firstSeq } of await subscribeMany(opened.store, bystanders)) ledger.add(id, firstSeq);
  await opened.store.topics.setPolicy(topic, initial);

  const walk: Walk = {
    async publish() {
      await publish(opened.store, topic, now);
    },
    async subscribe(who, secret) {
      const callback = callbackOf(who);
      const before = await opened.store.subscriptions.find(topic, callback);
      const { id, firstSeq } = await subscribe(opened.store, { callback, secret: `${secret}` }, now);
      if (before === undefined) ledger.add(id, firstSeq);
      else insist(id === before.id && firstSeq === before.firstSeq, "a renewal keeps its id");
      step += 1;
      renewedAt.set(id, step);
    },
    async unsubscribe(who) {
      const callback = callbackOf(who);
      const before = await opened.store.subscriptions.find(topic, callback);
      if (before === undefined) return;
      await unsubscribe(opened.store, { callback }, now);
      ledger.end(before.id);
    },
    async cut() {
      const chunk = await nextChunk(opened.store, now);
      if (chunk === undefined) return;
      await begin(idsOf(chunk), chunk);
      chunks.push({ chunk, left: chunk.recipients, since: step });
    },
    async checkpoint(pick, dice) {
      const open = chunks[pick % Math.max(1, chunks.length)];
      if (open !== undefined) await report(open, (one) => fateOf(dice, one));
    },
    async catchUp(limit) {
      for (const claim of await opened.store.behind.claimCatchUps(limit, 4, now)) {
        await begin([claim.subscriptionId], claim);
        attempts.push({ ...claim, since: step });
      }
    },
    async settle(pick, dice) {
      const attempt = attempts[pick % Math.max(1, attempts.length)];
      if (attempt === undefined) return;
      const rest = wait({ dueAt: new Date(now.getTime() + (dice % 50)) });
      const { generation } = attempt;
      const outcomes: readonly CatchUpOutcome[] = [
        { kind: "delivered" },
        { kind: "given_up", ...rest },
        { kind: "failed", ...rest },
        { kind: "failed", ...rest },
        { kind: "gone", generation, ...rest },
      ];
      await settle(attempt, found(outcomes[dice % outcomes.length]));
    },
    async wait(ms) {
      now = new Date(now.getTime() + ms);
    },
    async tidy() {
      await opened.store.publications.removeSettled(plenty);
      await opened.store.behind.removeSettled(plenty, now);
      await opened.store.fanOuts.removeDone(now, plenty);
      await opened.store.topics.removeIdle(plenty);
    },
    async crash() {
      await opened.crash();
      ledger.voidClaims();
      ghosts.chunks.push(...chunks);
      ghosts.attempts.push(...attempts);
      chunks = [];
      attempts = [];
    },
    async haunt() {
      for (const { chunk } of ghosts.chunks) {
        const written = await opened.store.fanOuts.checkpoint(chunk, closing(chunk), now);
        insist(written === "lost", "a chunk that was lost is not to be written");
      }
      for (const attempt of ghosts.attempts) {
        const written = await opened.store.behind.settleCatchUp(attempt, { kind: "delivered" }, record(attempt), now);
        insist(written === "lost", "a claim that was lost is not to be settled");
      }
    },
    async changePolicy(next) {
      policy = "changed";
      await opened.store.topics.setPolicy(topic, next);
    },
    async quiesce() {
      await walk.wait(1000);
      for (let round = 0; round < 1000; round += 1) {
        for (const open of chunks) await report(open, () => "delivered");
        for (const attempt of attempts) await settle(attempt, { kind: "delivered" });
        await walk.cut();
        await walk.catchUp(plenty);
        if (chunks.length === 0 && attempts.length === 0) break;
      }
      await walk.haunt();
      const { id, lastSeq } = found(await opened.store.topics.find(topic));
      ledger.assertUpToDate(policy === "every" ? "every" : "latest", lastSeq);
      await opened.store.behind.removeSettled(plenty, now);
      await walk.tidy();
      const kept = await Promise.allSettled(
        Array.from({ length: lastSeq }, (_, i) => opened.store.publications.load({ topicId: id, seq: i + 1 })),
      );
      insist(
        kept.every((one) => one.status === "rejected"),
        "what nobody is owed any more is to go",
      );
    },
  };
  return walk;

  /** I7: what is to be delivered can be loaded. */
  async function begin(ids: readonly number[], key: Pick<ChunkClaim, "topicId" | "seq">): Promise<void> {
    for (const id of ids) ledger.begin(id, key.seq);
    await opened.store.publications.load(key);
  }

  async function report(open: OpenChunk, fate: (one: Recipient) => Fate): Promise<void> {
    const { chunk, since } = open;
    const { topicId, seq } = chunk;
    const by = Map.groupBy(open.left, fate);
    const left = by.get("left") ?? [];
    const behind: FallBehind[] = (by.get("failed") ?? []).map((one) => toBehind(one, undefined));
    const slow = (by.get("slow") ?? []).map((one) => ({ ...one, topicId, seq, since, token: nextToken() }));
    for (const one of slow) behind.push(toBehind(one, one.token));
    const gone: Gone[] = (by.get("gone") ?? []).map((one) => ({ ...toBehind(one, undefined), ...one }));
    const delivered = by.get("delivered")?.length ?? 0;
    const ids = left.map((one) => one.subscriptionId);

    const written = await opened.store.fanOuts.checkpoint(chunk, { left: ids, delivered, behind, gone, log: [] }, now);
    insist(written === "kept", "I9: a claim is not lost without a crash");
    for (const one of by.get("delivered") ?? []) ledger.finish(one.subscriptionId, seq, true);
    for (const one of by.get("failed") ?? []) ledger.finish(one.subscriptionId, seq, false);
    for (const one of by.get("gone") ?? []) await leave(one, seq, since);
    attempts.push(...slow);
    open.left = left;
    if (left.length === 0) chunks = chunks.filter((other) => other !== open);
  }

  async function settle(attempt: Attempt, outcome: CatchUpOutcome): Promise<void> {
    const { subscriptionId: id, seq } = attempt;
    const settled = await opened.store.behind.settleCatchUp(attempt, outcome, record(attempt), now);
    attempts = attempts.filter((other) => other !== attempt);
    insist((settled === "lost") === !ledger.isLive(id), `I9: an attempt of ${id} is ${settled}`);
    if (settled === "lost") return;
    if (outcome.kind === "gone") await leave(attempt, seq, attempt.since);
    else ledger.finish(id, seq, outcome.kind !== "failed");
  }

  /** A 410 ends the subscription, unless it was renewed meanwhile. */
  async function leave(one: Recipient, seq: number, since: number): Promise<void> {
    const { subscriptionId: id, callback } = one;
    ledger.finish(id, seq, false);
    if (!ledger.isLive(id)) return;
    const still = await opened.store.subscriptions.find(topic, callback);
    insist((still?.id === id) === (renewedAt.get(id) ?? 0) > since, `a 410 of ${id} ends what it is about only`);
    if (still?.id !== id) ledger.end(id);
  }

  function toBehind(one: Recipient, token: string | undefined): FallBehind {
    const dueAt = new Date(now.getTime() + (one.subscriptionId % 40));
    return { subscriptionId: one.subscriptionId, ...wait({ dueAt }), token };
  }

  function nextToken(): string {
    lastToken += 1;
    return `running ${lastToken}`;
  }
}

type Fate = "left" | "delivered" | "failed" | "slow" | "gone";

const fates: readonly Fate[] = ["left", "delivered", "delivered", "failed", "failed", "slow", "gone"];

/** Bystanders always answer 2xx, sooner or later. */
function fateOf(dice: number, { subscriptionId, callback }: Recipient): Fate {
  const throwOf = Math.imul(dice + 1, subscriptionId * 40_503 + 1) >>> 8;
  if (!callback.startsWith("https://walker-")) return throwOf % 4 === 0 ? "left" : "delivered";
  return found(fates[throwOf % fates.length]);
}

function callbackOf(who: number): string {
  return `https://walker-${who % 3}.example/${who}`;
}
