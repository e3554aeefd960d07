import type { HastenedBy } from "../../src/model/delivery.ts";

/** One life of a (topic, callback): from a verified subscription to its end. Renewals keep it. */
export type Member = {
  readonly pair: string;
  readonly topic: string;
  /** In force. Every request has a secret of its own, so a signature tells which request it goes back to. */
  secret: string;
  readonly secrets: string[];
  expiresAt: number;
  ended: boolean;
  /** A request to unsubscribe was accepted while it was live. */
  mustEnd: boolean;
  /** Numbers of the publications that are neither delivered nor given up, as far as the store has been told. */
  readonly owed: Set<number>;
  /** Learnt with its first claim. */
  id: number | undefined;
  claim: Claim | undefined;
  /** Failed attempts of the delivery it waits for. */
  failures: number;
  /** When its schedule has it tried. */
  notBefore: number;
  /** All that it was owed has been given up at some time, and it has not answered since. */
  isIdle: boolean;
  /** What would have it tried before. */
  hastenedBy: HastenedBy;
  /** It is to be tried before. */
  isHastened: boolean;
  lastStarted: number;
  /** Webhook-Id of `lastStarted`. */
  lastPosted: string;
};

/**
 * `open`: a POST is unanswered. `cut`: the hub ended it, so it has not happened. `hindered`: a fault of the hub's own, so
 * it counts against nobody.
 */
export type PostFate = "none" | "open" | "delivered" | "failed" | "hindered" | "gone" | "cut";

/** The right to send one publication to one member, once. */
export type Claim = {
  readonly topicId: number;
  readonly seq: number;
  owner: string;
  readonly secret: string;
  readonly attempts: number;
  post: PostFate;
  answeredAt: number;
  retryAfterMs: number;
  /** Made before the schedule has it, so that a failure uses up nothing. */
  isEarly: boolean;
  readonly isProbe: boolean;
  /** It was the host that failed, and it did not say for how long. */
  isHostTrouble: boolean;
};

/** A delivery as its subscriber sees it. */
export type Post = { readonly body: string; readonly webhookId: string; readonly attempt: number };

export type TopicState = {
  readonly url: string;
  /** By publication number, from 1. */
  readonly bodies: string[];
  readonly publishedAt: number[];
};

export type Settled = {
  readonly id: number | undefined;
  readonly topicId: number;
  readonly seq: number;
  readonly how: "delivered" | "given_up";
};

/** Scheme, host and port of its callback. */
export function originOf({ pair }: Pick<Member, "pair">): string {
  return new URL(pair.split(" -> ")[1] ?? "").origin;
}

export function pairOf(topic: string, callback: string): string {
  return `${topic} -> ${callback}`;
}

export function newMember(terms: Pick<Member, "pair" | "topic" | "secret" | "expiresAt">): Member {
  return {
    ...terms,
    secrets: [terms.secret],
    ended: false,
    mustEnd: false,
    owed: new Set(),
    id: undefined,
    claim: undefined,
    failures: 0,
    notBefore: 0,
    isIdle: false,
    hastenedBy: "nothing",
    isHastened: false,
    lastStarted: 0,
    lastPosted: "",
  };
}

/** Between an attempt made before its time and the next one. */
const earlyPauseMs = 5000;

/** After a failed attempt. What was made before its time uses up nothing. */
export function waitAgain(member: Member, claim: Claim, delaysMs: readonly number[]): void {
  const { attempts, isEarly, isHostTrouble, answeredAt, retryAfterMs, post } = claim;
  if (isHostTrouble) member.hastenedBy = isEarly ? "recovery" : "success";
  if (isEarly && post !== "gone") {
    member.notBefore = Math.max(member.notBefore, answeredAt + earlyPauseMs);
    return;
  }
  member.failures = attempts + 1;
  const delayMs = delaysMs[attempts] ?? delaysMs.at(-1) ?? 0;
  member.notBefore = answeredAt + Math.max(delayMs, retryAfterMs);
  member.isIdle ||= attempts === delaysMs.length;
}

/** What came of a POST. */
export type Answer = {
  readonly post: PostFate;
  readonly retryAfterMs: number;
  readonly isHostTrouble: boolean;
  readonly isAnswered: boolean;
  readonly isLost: boolean;
};

export type Kind = "none" | "delivered" | "failed" | "hindered" | "gone";

/** What the hub says became of a claim. Attempts that do not go up: it was not tried, or that counts for nothing. */
export function toKind(claim: Claim, attemptsAfter: number | undefined, isGone: boolean): Kind {
  if (isGone) return "gone";
  if (attemptsAfter === undefined) return "delivered";
  if (attemptsAfter > claim.attempts || (claim.isEarly && claim.post === "failed")) return "failed";
  return claim.post === "hindered" ? "hindered" : "none";
}

export function isLive({ ended, expiresAt }: Member, now: number): boolean {
  return !ended && expiresAt > now;
}

export function end(member: Member | undefined): void {
  if (member !== undefined) member.ended = true;
}
