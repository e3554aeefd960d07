import type { CatchUpClaim, CatchUpOutcome, ChunkClaim, ChunkReport } from "../../src/model/delivery.ts";
import type { IntentClaim, IntentDecision } from "../../src/model/intent.ts";
import type { PublicationKey } from "../../src/model/publication.ts";
import type { Recipient } from "../../src/model/subscription.ts";
import type { FetchClaim, FetchOutcome } from "../../src/model/topic.ts";
import type { Claim, Member, Post, PostFate, Settled, TopicState } from "./member.ts";
import { newMember, pairOf } from "./member.ts";

type Claims = {
  readonly chunks: ChunkClaim[];
  readonly catchUps: Pick<CatchUpClaim, "subscriptionId" | "token" | "seq" | "topicId">[];
};

/** Waits before the second and the third attempt; then a delivery is given up. */
export const delaysMs: readonly number[] = [5000, 60_000];

/** Before the next attempt after one that our own faults hindered. */
const hinderedPauseMs = 60_000;

/**
 * The model: who is subscribed, what each one is owed, who has claimed it, what came of it. It follows what the store has
 * committed and what the peers have seen, and notes as a fault whatever breaks a promise of DESIGN 2.4 or an invariant
 * of engine-protocol 4.
 */
export class Ledger {
  readonly faults: string[] = [];
  readonly members: Member[] = [];
  readonly settled: Settled[] = [];
  /** Topic rows, by id. */
  readonly topics = new Map<number, TopicState>();
  /** Topic rows of which nobody may miss a publication. */
  readonly everyTopicIds = new Set<number>();
  /** Claims of processes that are dead: whatever is written with them must be refused. */
  readonly ghosts: Claims = { chunks: [], catchUps: [] };
  #claims: Claims = { chunks: [], catchUps: [] };
  /** The version of each topic that its publisher serves. */
  readonly served = new Map<string, number>();
  /** The version that a ping was accepted for, while the topic has had subscribers. */
  readonly #pinged = new Map<string, number>();
  readonly #webhookIds = new Map<string, string>();

  insist(condition: boolean, message: string): void {
    if (!condition) this.faults.push(message);
  }

  live(pair: string, now: number): Member | undefined {
    return this.members.find((member) => member.pair === pair && isLive(member, now));
  }

  ping(urls: readonly string[], now: number): void {
    for (const url of urls) if (this.#isFollowed(url, now)) this.#pinged.set(url, this.served.get(url) ?? 0);
  }

  /** Topics of which an accepted ping came to nothing. A topic loses its pings with its last subscriber. */
  unheard(now: number): readonly string[] {
    for (const url of this.#pinged.keys()) if (!this.#isFollowed(url, now)) this.#pinged.delete(url);
    return [...this.#pinged].flatMap(([url, version]) => (this.#version(url) < version ? [url] : []));
  }

  #isFollowed(url: string, now: number): boolean {
    return this.members.some((member) => member.topic === url && isLive(member, now));
  }

  /** The newest version of a topic that was published; 0: none. */
  #version(topic: string): number {
    const bodies = [...this.topics.values()].filter(({ url }) => url === topic).flatMap((one) => one.bodies);
    return Math.max(0, ...bodies.map((body) => Number(body.split(" ").at(-1))));
  }

  apply(intent: IntentClaim, decision: IntentDecision, now: Date): void {
    if (decision.next !== "apply") return;
    const pair = pairOf(intent.topic, intent.callback);
    const { secret = "", verifyToken, leaseSeconds } = intent;
    this.insist(verifyToken !== "forged", `${pair} never confirmed ${intent.mode}`);
    const before = this.live(pair, now.getTime());
    if (intent.mode === "unsubscribe") return end(before);
    const expiresAt = decision.verifiedAt.getTime() + leaseSeconds * 1000;
    if (before !== undefined) {
      Object.assign(before, { secret, expiresAt });
      before.secrets.push(secret);
      return;
    }
    for (const lapsed of this.members) if (lapsed.pair === pair) end(lapsed);
    this.members.push(newMember({ pair, topic: intent.topic, secret, expiresAt }));
  }

  remove(topic: string, callback: string): void {
    for (const member of this.members) if (member.pair === pairOf(topic, callback)) end(member);
  }

  /** Everybody active now is owed it (promise B). */
  publish({ topicId, url }: FetchClaim, outcome: FetchOutcome, now: number): void {
    if (outcome.kind !== "changed") return;
    const topic = this.topics.get(topicId) ?? { url, bodies: [] };
    this.topics.set(topicId, topic);
    topic.bodies.push(outcome.content.body.toString());
    for (const member of this.members) {
      if (member.topic === url && isLive(member, now)) member.owed.add(topic.bodies.length);
    }
  }

  cut(chunk: ChunkClaim, now: Date): void {
    this.#claims.chunks.push(chunk);
    for (const recipient of chunk.recipients) this.#claim(recipient, chunk, chunk.token, 0, now);
  }

  claim(claims: readonly CatchUpClaim[], now: Date): void {
    this.#claims.catchUps.push(...claims);
    for (const claim of claims) this.#claim(claim, claim, claim.token, claim.attempts, now);
  }

  #claim(recipient: Recipient, { topicId, seq }: PublicationKey, owner: string, attempts: number, now: Date): void {
    const { secret = "", subscriptionId } = recipient;
    const member = this.members.find(({ secrets }) => secrets.includes(secret));
    if (member === undefined) return this.insist(false, `${subscriptionId} was never verified`);
    const name = `${member.pair} (${subscriptionId}), publication ${seq}`;
    member.id ??= subscriptionId;
    const isAnother = this.members.some((other) => other !== member && other.id === subscriptionId);
    this.insist(member.id === subscriptionId && !isAnother, `${name}: another subscription lives on`);
    this.insist(!member.ended, `${name}: claimed after the subscription ended`);
    this.insist(member.expiresAt > now.getTime(), `${name}: claimed after the lease`);
    this.insist(member.secret === secret, `${name}: claimed with a secret no longer in force`);
    this.insist(member.claim === undefined, `${name}: two owners`);
    this.insist(member.owed.has(seq), `${name}: is not owed`);
    this.insist(attempts === member.failures, `${name}: ${attempts} attempts are counted, not ${member.failures}`);
    const first = Math.min(...member.owed);
    this.insist(!this.everyTopicIds.has(topicId) || seq === first, `${name}: before ${first}`);
    member.claim = { topicId, seq, owner, secret, attempts, post: "none", answeredAt: 0, retryAfterMs: 0 };
  }

  checkpoint(chunk: ChunkClaim, report: ChunkReport, written: "kept" | "lost", now: Date): void {
    this.insist(written === "kept", `chunk ${chunk.id}: its claim was lost without a crash`);
    const left = new Set(report.left);
    for (const member of this.members) {
      const { claim, id = 0 } = member;
      if (claim?.owner !== chunk.token || left.has(id)) continue;
      const fallen = report.behind.find((one) => one.subscriptionId === id);
      const isGone = report.gone.some((one) => one.subscriptionId === id);
      if (fallen?.token !== undefined) this.#detach(id, claim, fallen.token);
      else this.#release(member, claim, toKind(claim, fallen?.attempts, isGone), now);
    }
  }

  /** A silent attempt leaves its chunk and owns a row of its own. */
  #detach(subscriptionId: number, claim: Claim, token: string): void {
    claim.owner = token;
    this.#claims.catchUps.push({ subscriptionId, token, seq: claim.seq, topicId: claim.topicId });
  }

  settle(
    { subscriptionId, token }: Pick<CatchUpClaim, "subscriptionId" | "token">,
    outcome: CatchUpOutcome,
    result: "done" | "more" | "waits" | "lost",
    now: Date,
  ): void {
    const member = this.members.find(({ id }) => id === subscriptionId);
    if (member?.claim === undefined) return this.insist(false, `${subscriptionId}: settled without a claim`);
    const { claim } = member;
    const { pair, ended } = member;
    this.insist(result !== "lost" || !isLive(member, now.getTime()), `${pair}: its claim was lost without a crash`);
    this.insist(result === "lost" || !ended, `${pair}: settled after the subscription ended`);
    this.insist(claim.owner === token, `${pair}: settled by somebody else`);
    if (outcome.kind !== "given_up" || ended) {
      const attempts = outcome.kind === "failed" ? outcome.attempts : undefined;
      return this.#release(member, claim, toKind(claim, attempts, outcome.kind === "gone"), now);
    }
    this.insist(claim.post === "failed" && claim.attempts >= delaysMs.length, `${pair}: given up too early`);
    this.#finish(member, claim, "given_up");
  }

  #release(member: Member, claim: Claim, kind: Kind, now: Date): void {
    member.claim = undefined;
    if (member.ended) return;
    const { pair } = member;
    this.insist(claim.post === kind, `${pair}, publication ${claim.seq}: written ${kind}, but it was ${claim.post}`);
    if (kind === "delivered") return this.#finish(member, claim, "delivered");
    if (kind === "gone" && member.secret === claim.secret) return end(member);
    if (kind === "hindered") member.notBefore = claim.answeredAt + hinderedPauseMs;
    if (kind === "none" || kind === "hindered") return;
    member.failures = claim.attempts + 1;
    const delayMs = delaysMs[claim.attempts] ?? 0;
    member.notBefore = claim.answeredAt + Math.max(delayMs, claim.retryAfterMs);
    const isOver = member.expiresAt <= now.getTime();
    this.insist(isOver || kind === "gone" || delayMs > 0, `${pair}: tried beyond the schedule`);
  }

  #finish(member: Member, { topicId, seq }: Claim, how: Settled["how"]): void {
    const isAll = this.everyTopicIds.has(topicId);
    for (const one of member.owed) if (isAll ? one === seq : one <= seq) member.owed.delete(one);
    this.settled.push({ id: member.id, topicId, seq, how });
    Object.assign(member, { claim: undefined, failures: 0, notBefore: 0 });
  }

  /** A subscriber sees a POST begin; `isSignedBy` tells whether a secret made its signature. */
  post(pair: string, post: Post, isSignedBy: (secret: string) => boolean, now: Date): Claim | undefined {
    const ours = this.members.filter((one) => one.pair === pair && one.claim && isSignedBy(one.claim.secret));
    const [member] = ours;
    const claim = member?.claim;
    if (member === undefined || claim === undefined) {
      this.insist(false, `${pair}: ${post.body} comes unclaimed, or with a wrong signature`);
      return undefined;
    }
    const { topicId, seq } = claim;
    const name = `${pair}, publication ${seq}`;
    this.insist(claim.post === "none", `${name}: sent twice by one claim, first ${claim.post}`);
    this.insist(post.body === this.topics.get(topicId)?.bodies[seq - 1], `${name}: comes as ${post.body}`);
    this.insist(seq >= member.lastStarted, `${name}: comes after ${member.lastStarted}`);
    this.insist(now.getTime() >= member.notBefore, `${name}: comes before its time`);
    this.insist(post.attempt === claim.attempts + 1, `${name}: attempt ${post.attempt} after ${claim.attempts}`);
    const delivery = `${member.id} ${topicId} ${seq}`;
    const known = this.#webhookIds.get(post.webhookId) ?? delivery;
    this.insist(known === delivery, `${name}: Webhook-Id of ${known}`);
    if (seq === member.lastStarted) this.insist(post.webhookId === member.lastPosted, `${name}: a new Webhook-Id`);
    this.#webhookIds.set(post.webhookId, delivery);
    Object.assign(member, { lastStarted: seq, lastPosted: post.webhookId });
    claim.post = "open";
    return claim;
  }

  /** What the hub has seen of the answer. */
  answer(claim: Claim, post: PostFate, retryAfterMs: number, now: Date): void {
    Object.assign(claim, { post, answeredAt: now.getTime(), retryAfterMs });
  }

  /** The process is gone. What it had learnt and not written down may be repeated; after a graceful end there is none. */
  voidClaims(how: "crash" | "graceful"): void {
    this.ghosts.chunks.push(...this.#claims.chunks);
    this.ghosts.catchUps.push(...this.#claims.catchUps);
    this.#claims = { chunks: [], catchUps: [] };
    for (const member of this.members) {
      const { claim, pair, ended } = member;
      if (claim === undefined) continue;
      const isForgotten = !["none", "cut"].includes(claim.post) && !ended;
      this.insist(how === "crash" || !isForgotten, `${pair}: SIGTERM forgot that ${claim.seq} was ${claim.post}`);
      Object.assign(member, { claim: undefined, notBefore: 0 });
    }
  }
}

type Kind = "none" | "delivered" | "failed" | "hindered" | "gone";

/** What the hub says became of a claim. Attempts that do not go up: it was not tried, or that counts for nothing. */
function toKind(claim: Claim, attemptsAfter: number | undefined, isGone: boolean): Kind {
  if (isGone) return "gone";
  if (attemptsAfter === undefined) return "delivered";
  if (attemptsAfter > claim.attempts) return "failed";
  return claim.post === "hindered" ? "hindered" : "none";
}

export function isLive({ ended, expiresAt }: Member, now: number): boolean {
  return !ended && expiresAt > now;
}

function end(member: Member | undefined): void {
  if (member !== undefined) member.ended = true;
}
