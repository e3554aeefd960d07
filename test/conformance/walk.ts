import { inspect, isDeepStrictEqual } from "node:util";

import type { CatchUpOutcome, FallBehind, Gone } from "../../src/model/delivery.ts";
import type { Recipient } from "../../src/model/subscription.ts";
import type { TopicPolicy } from "../../src/model/topic.ts";
import { after, closing, nextChunk, plenty, publish, record, subscribe, subscribeMany, wait } from "./support.ts";
import { found, idsOf, type TestStore, topic, unsubscribe } from "./support.ts";
import { createHostSteps, type HostSteps } from "./walk-hosts.ts";
import { createLedger, insist } from "./walk-ledger.ts";
import { type Attempt, begin, callbackOf, later, type OpenChunk, originOf, readGivenUp } from "./walk-world.ts";
import { topicOf, waitOf, type World } from "./walk-world.ts";

/** One topic, a few restless subscriptions, and everything that may happen to them. A step that cannot be taken does nothing. */
export type Walk = HostSteps & {
  publish(): Promise<void>;
  /** Or renews. */
  subscribe(who: number, secret: number): Promise<void>;
  unsubscribe(who: number): Promise<void>;
  cut(): Promise<void>;
  /** Some of a claimed chunk end, each in its own way. */
  checkpoint(pick: number, dice: number): Promise<void>;
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

export async function openWalk(opened: TestStore, initial: TopicPolicy, bystanders: number): Promise<Walk> {
  let policy: TopicPolicy | "changed" = initial;
  const ledger = createLedger();
  const figures = { now: after(0), step: 0, chunks: [], attempts: [], logged: 0 };
  const world: World = {
    ...figures,
    opened,
    ledger,
    policy: () => policy,
    renewedAt: new Map(),
    known: new Map(),
    shut: new Set(),
  };
  const ghosts: { chunks: OpenChunk[]; attempts: Attempt[] } = { chunks: [], attempts: [] };
  let lastToken = 0;

  for (const { id, firstSeq, expiresAt } of await subscribeMany(opened.store, bystanders)) {
    ledger.add(id, firstSeq, expiresAt);
  }
  await opened.store.topics.setPolicy(topic, initial);
  const hosts = createHostSteps(world);

  const walk: Walk = {
    ...hosts,
    async publish() {
      await publish(opened.store, topic, world.now);
    },
    async subscribe(who, dice) {
      const callback = callbackOf(who);
      const before = await opened.store.subscriptions.find(topic, callback);
      const isOver = before !== undefined && before.expiresAt <= world.now;
      const leaseSeconds = dice % 3 === 0 ? (dice % 200) / 1000 : 864_000;
      const terms = { callback, secret: `${dice}`, leaseSeconds };
      const { id, firstSeq, expiresAt } = await subscribe(opened.store, terms, world.now);
      world.step += 1;
      world.renewedAt.set(id, world.step);
      if (before !== undefined && !isOver) {
        insist(id === before.id && firstSeq === before.firstSeq, "a renewal keeps its id");
        return ledger.renew(id, expiresAt);
      }
      await readGivenUp(world);
      if (before !== undefined) ledger.endLapsed(before.id, owedPolicy(), (await topicOf(world)).lastSeq);
      ledger.add(id, firstSeq, expiresAt);
      world.known.set(callback, id);
    },
    async unsubscribe(who) {
      const callback = callbackOf(who);
      const before = await opened.store.subscriptions.find(topic, callback);
      if (before === undefined || before.expiresAt <= world.now) return;
      await unsubscribe(opened.store, { callback }, world.now);
      ledger.end(before.id);
    },
    async cut() {
      const chunk = await nextChunk(opened.store, world.now);
      await readGivenUp(world);
      if (chunk === undefined) return;
      await begin(world, idsOf(chunk), chunk);
      world.chunks.push({ chunk, left: chunk.recipients, since: world.step });
    },
    async checkpoint(pick, dice) {
      const open = world.chunks[pick % Math.max(1, world.chunks.length)];
      if (open !== undefined) await report(open, dice, (one) => fateOf(dice, one));
    },
    async settle(pick, dice) {
      const attempt = world.attempts[pick % Math.max(1, world.attempts.length)];
      if (attempt === undefined) return;
      const rest = waitOf(world, dice);
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
      world.now = later(world, ms);
    },
    async tidy() {
      await opened.store.publications.removeSettled(plenty);
      await opened.store.behind.removeSettled(plenty, world.now);
      await opened.store.fanOuts.removeDone(world.now, plenty);
      await opened.store.topics.removeIdle(plenty);
    },
    async crash() {
      await opened.crash();
      ledger.voidClaims(world.attempts.map(({ subscriptionId }) => subscriptionId));
      ghosts.chunks.push(...world.chunks);
      ghosts.attempts.push(...world.attempts);
      world.chunks = [];
      world.attempts = [];
    },
    async haunt() {
      for (const { chunk } of ghosts.chunks) {
        const written = await opened.store.fanOuts.checkpoint(chunk, closing(chunk), world.now);
        insist(written === "lost", "a chunk that was lost is not to be written");
      }
      for (const attempt of ghosts.attempts) {
        await opened.store.behind.release(attempt);
        const outcome = { kind: "delivered" } as const;
        const written = await opened.store.behind.settleCatchUp(attempt, outcome, record(attempt), world.now);
        insist(written === "lost", "a claim that was lost is not to be settled");
      }
    },
    async changePolicy(next) {
      policy = "changed";
      await opened.store.topics.setPolicy(topic, next);
    },
    async quiesce() {
      for (const who of [0, 1]) if (world.shut.has(originOf(who))) await walk.turnHost(who);
      await walk.wait(1000);
      for (let round = 0; round < 1000; round += 1) {
        for (const open of world.chunks) await report(open, 0, () => "delivered");
        for (const attempt of world.attempts) await settle(attempt, { kind: "delivered" });
        await walk.cut();
        await walk.catchUp(plenty, 1);
        if (world.chunks.length === 0 && world.attempts.length === 0) break;
      }
      await walk.haunt();
      await walk.endLapsed(plenty);
      const tally = await opened.tally();
      insist(isDeepStrictEqual(tally.kept, tally.counted), `counts are not what there is: ${inspect(tally)}`);
      const { id, lastSeq } = await topicOf(world);
      ledger.assertUpToDate(owedPolicy(), lastSeq);
      await opened.store.behind.removeSettled(plenty, world.now);
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

  function owedPolicy(): TopicPolicy {
    return policy === "every" ? "every" : "latest";
  }

  async function report(open: OpenChunk, dice: number, fate: (one: Recipient) => Fate): Promise<void> {
    const { chunk, since } = open;
    const { topicId, seq } = chunk;
    const toBehind = ({ subscriptionId }: Recipient, token?: string): FallBehind => {
      return { subscriptionId, ...waitOf(world, dice + subscriptionId), token };
    };
    const by = Map.groupBy(open.left, fate);
    const left = by.get("left") ?? [];
    const failed = (by.get("failed") ?? []).map((one) => toBehind(one));
    const slow = (by.get("slow") ?? []).map((one) => ({ ...one, topicId, seq, since, token: nextToken() }));
    const behind = [...failed, ...slow.map((one) => toBehind(one, one.token))];
    const gone: Gone[] = (by.get("gone") ?? []).map((one) => ({ ...toBehind(one), ...one }));
    const delivered = by.get("delivered")?.length ?? 0;
    const ids = left.map((one) => one.subscriptionId);

    const told = { left: ids, delivered, behind, gone, log: [] };
    const written = await opened.store.fanOuts.checkpoint(chunk, told, world.now);
    insist(written === "kept", "I9: a claim is not lost without a crash");
    for (const one of by.get("delivered") ?? []) ledger.finish(one.subscriptionId, seq, true);
    for (const one of failed) ledger.finish(one.subscriptionId, seq, false);
    for (const one of [...behind, ...gone]) ledger.plan(one.subscriptionId, one);
    for (const one of by.get("gone") ?? []) await leave(one, seq, since);
    world.attempts.push(...slow);
    open.left = left;
    if (left.length === 0) world.chunks = world.chunks.filter((other) => other !== open);
  }

  async function settle(attempt: Attempt, outcome: CatchUpOutcome): Promise<void> {
    const { subscriptionId: id, seq } = attempt;
    const settled = await opened.store.behind.settleCatchUp(attempt, outcome, record(attempt), world.now);
    world.attempts = world.attempts.filter((other) => other !== attempt);
    insist((settled === "lost") === !ledger.isLive(id), `I9: an attempt of ${id} is ${settled}`);
    if (settled === "lost") return;
    ledger.plan(id, outcome.kind === "delivered" ? wait({ attempts: 0, dueAt: world.now }) : outcome);
    if (outcome.kind === "gone") await leave(attempt, seq, attempt.since);
    else ledger.finish(id, seq, outcome.kind !== "failed");
  }

  /** A 410 ends the subscription, unless it was renewed meanwhile. */
  async function leave(one: Recipient, seq: number, since: number): Promise<void> {
    const { subscriptionId: id, callback } = one;
    ledger.finish(id, seq, false);
    if (!ledger.isLive(id)) return;
    const still = await opened.store.subscriptions.find(topic, callback);
    insist((still?.id === id) === (world.renewedAt.get(id) ?? 0) > since, `a 410 of ${id} ends what it is about only`);
    if (still?.id !== id) ledger.end(id);
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
