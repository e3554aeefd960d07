import type { AttemptRecord, CatchUpClaim, CatchUpOutcome, ChunkClaim, ChunkReport } from "../../src/model/delivery.ts";
import type { IntentClaim, IntentDecision } from "../../src/model/intent.ts";
import type { FetchClaim, FetchOutcome } from "../../src/model/topic.ts";
import type { Answer, Claim, Kind, Member, Post, Settled, TopicState } from "./member.ts";
import { HostsModel } from "./hosts.ts";
import { end, isLive, newMember, originOf, pairOf, toKind, waitAgain } from "./member.ts";
import { PingsModel } from "./pings.ts";

type Claims = {
  readonly chunks: ChunkClaim[];
  readonly catchUps: Pick<CatchUpClaim, "subscriptionId" | "token" | "seq" | "topicId">[];
};

/** How long something is owed. */
const owedMs = 7 * 86_400_000;

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
  readonly pings = new PingsModel();
  readonly #webhookIds = new Map<string, string>();
  readonly hosts = new HostsModel((condition, message) => this.insist(condition, message));
  /** Waits before the second and further attempts; then a delivery is given up. */
  readonly #delaysMs: readonly number[];

  constructor(delaysMs: readonly number[]) {
    this.#delaysMs = delaysMs;
  }

  insist(condition: boolean, message: string): void {
    if (!condition) this.faults.push(message);
  }

  live(pair: string, now: number): Member | undefined {
    return this.members.find((member) => member.pair === pair && isLive(member, now));
  }

  ping(urls: readonly string[], now: number): void {
    this.pings.accept(urls.filter((url) => this.#isFollowed(url, now)));
  }

  /** Topics of which an accepted ping came to nothing. A topic loses its pings with its last subscriber. */
  unheard(now: number): readonly string[] {
    return this.pings.unheard((url) => this.#isFollowed(url, now), this.topics.values());
  }

  #isFollowed(url: string, now: number): boolean {
    return this.members.some((member) => member.topic === url && isLive(member, now));
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
    const topic = this.topics.get(topicId) ?? { url, bodies: [], publishedAt: [] };
    this.topics.set(topicId, topic);
    topic.bodies.push(outcome.content.body.toString());
    topic.publishedAt.push(now);
    for (const member of this.members) {
      if (member.topic === url && isLive(member, now)) member.owed.add(topic.bodies.length);
    }
  }

  cut(chunk: ChunkClaim, now: Date): void {
    this.#claims.chunks.push(chunk);
    for (const recipient of chunk.recipients) {
      this.#claim({ ...chunk, ...recipient, attempts: 0, retryAt: now }, now, "first");
    }
  }

  claim(claims: readonly CatchUpClaim[], now: Date): void {
    for (const claim of claims) this.#claim(claim, now, "retry");
    this.#claims.catchUps.push(...claims);
  }

  claimProbes(origins: readonly string[], claims: readonly (CatchUpClaim | undefined)[], now: Date): void {
    for (const [i, origin] of origins.entries()) {
      const claim = claims[i];
      this.hosts.claimProbe(origin, claim && this.#claim(claim, now, "probe"), now.getTime());
      if (claim !== undefined) this.#claims.catchUps.push(claim);
    }
  }

  #claim(claim: CatchUpClaim, now: Date, kind: "first" | "retry" | "probe"): Claim | undefined {
    const { secret = "", subscriptionId, topicId, seq, token: owner, attempts, retryAt } = claim;
    const member = this.members.find(({ secrets }) => secrets.includes(secret));
    if (member === undefined) {
      this.insist(false, `${subscriptionId} was never verified`);
      return undefined;
    }
    const name = `${member.pair} (${subscriptionId}), publication ${seq}`;
    member.id ??= subscriptionId;
    const isAnother = this.members.some((other) => other !== member && other.id === subscriptionId);
    this.insist(member.id === subscriptionId && !isAnother, `${name}: another subscription lives on`);
    this.insist(!member.ended, `${name}: claimed after the subscription ended`);
    this.insist(member.expiresAt > now.getTime(), `${name}: claimed after the lease`);
    this.insist(member.secret === secret, `${name}: claimed with a secret no longer in force`);
    this.insist(member.claim === undefined, `${name}: two owners`);
    this.insist(member.owed.has(seq), `${name}: is not owed`);
    const isProbe = kind === "probe";
    const isEarly = isProbe || retryAt > now;
    const isRested = member.isIdle && (member.isHastened || member.notBefore <= now.getTime());
    if (kind === "first" && isRested) Object.assign(member, { failures: 0, notBefore: 0, isIdle: false });
    this.insist(attempts === member.failures, `${name}: ${attempts} attempts are counted, not ${member.failures}`);
    const first = Math.min(...member.owed);
    this.insist(!this.everyTopicIds.has(topicId) || seq === first, `${name}: before ${first}`);
    this.insist(!isEarly || isProbe || member.isHastened, `${name}: claimed before its time`);
    this.insist(retryAt.getTime() >= member.notBefore, `${name}: its schedule has got shorter`);
    const unsent = { post: "none", answeredAt: 0, retryAfterMs: 0, isHostTrouble: false } as const;
    member.claim = { topicId, seq, owner, secret, attempts, isProbe, isEarly, ...unsent };
    return member.claim;
  }

  /** Given back unsent, or cut short by the end of the process. */
  release({ subscriptionId, token }: Pick<CatchUpClaim, "subscriptionId" | "token">): void {
    const member = this.members.find(({ id }) => id === subscriptionId);
    if (member?.claim?.owner !== token) return;
    const { post } = member.claim;
    this.insist(post === "none" || post === "cut", `${member.pair}: given back, but it was ${post}`);
    member.isHastened ||= member.claim.isEarly;
    member.claim = undefined;
  }

  hasten(origin: string, by: "recovery" | "success"): void {
    this.hosts.hasten(origin, by);
    for (const member of this.members) {
      const isMeant = member.hastenedBy === "success" || member.hastenedBy === by;
      if (!isMeant || member.claim !== undefined || originOf(member) !== origin) continue;
      Object.assign(member, { isHastened: true, hastenedBy: "nothing" });
    }
  }

  /** What was owed for too long, as the log says it. */
  giveUpOld(records: readonly AttemptRecord[], now: Date): void {
    for (const { topicId, subscriptionId, seq, count } of records) {
      const member = this.members.find(({ id }) => id === subscriptionId);
      const publishedAt = this.topics.get(topicId)?.publishedAt[seq - 1] ?? Infinity;
      this.insist(publishedAt < now.getTime() - owedMs, `${subscriptionId}: ${seq} is given up before its time`);
      if (member === undefined) continue;
      this.insist(member.claim === undefined, `${member.pair}: ${seq} is given up while it is claimed`);
      const isAll = this.everyTopicIds.has(topicId);
      const old = [...member.owed].filter((one) => one <= seq);
      this.insist(count === (isAll ? old.length : 1), `${member.pair}: ${count} given up, not ${old.length}`);
      for (const one of old) member.owed.delete(one);
      member.isIdle ||= member.owed.size === 0;
    }
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
    this.insist(claim.post === "failed" && !claim.isEarly, `${pair}: given up though it was ${claim.post}`);
    this.insist(claim.attempts === this.#delaysMs.length, `${pair}: given up after ${claim.attempts + 1} attempts`);
    this.#finish(member, claim, "given_up");
    waitAgain(member, claim, this.#delaysMs);
  }

  #release(member: Member, claim: Claim, kind: Kind, now: Date): void {
    Object.assign(member, { claim: undefined, isHastened: false, hastenedBy: "nothing" });
    if (member.ended) return;
    const { pair } = member;
    this.insist(claim.post === kind, `${pair}, publication ${claim.seq}: written ${kind}, but it was ${claim.post}`);
    if (kind === "delivered") return this.#finish(member, claim, "delivered");
    if (kind === "gone" && member.secret === claim.secret) return end(member);
    if (kind === "hindered") member.notBefore = Math.max(member.notBefore, claim.answeredAt + hinderedPauseMs);
    if (kind === "none" || kind === "hindered") return;
    const isOver = member.expiresAt <= now.getTime();
    const isUsedUp = claim.attempts === this.#delaysMs.length && !claim.isEarly;
    this.insist(isOver || kind === "gone" || !isUsedUp, `${pair}: tried beyond the schedule`);
    waitAgain(member, claim, this.#delaysMs);
  }

  #finish(member: Member, { topicId, seq }: Claim, how: Settled["how"]): void {
    const isAll = this.everyTopicIds.has(topicId);
    for (const one of member.owed) if (isAll ? one === seq : one <= seq) member.owed.delete(one);
    this.settled.push({ id: member.id, topicId, seq, how });
    const upToDate = { claim: undefined, failures: 0, notBefore: 0, isIdle: false };
    Object.assign(member, { ...upToDate, isHastened: false, hastenedBy: "nothing" });
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
    claim.isEarly &&= claim.isProbe || now.getTime() < member.notBefore;
    this.insist(claim.isEarly || now.getTime() >= member.notBefore, `${name}: comes before its time`);
    this.hosts.post(originOf(member), claim);
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
  answer(origin: string, claim: Claim, answer: Answer, now: Date): void {
    const { post, retryAfterMs, isHostTrouble } = answer;
    Object.assign(claim, { post, answeredAt: now.getTime(), retryAfterMs, isHostTrouble });
    this.hosts.answer(origin, claim, answer, now.getTime());
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
      const isHastened = member.isHastened || claim.isEarly;
      Object.assign(member, { claim: undefined, isHastened, notBefore: claim.isEarly ? member.notBefore : 0 });
    }
    this.hosts.forget();
  }
}
