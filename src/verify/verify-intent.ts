import { randomBytes } from "node:crypto";

import type { Clock } from "../clock.ts";
import type { IntentClaim, IntentDecision, VerificationAnswer } from "../model/intent.ts";
import type { Outbound } from "../outbound/outbound.ts";
import { appendToCallback } from "./callback-url.ts";
import { decideIntent } from "./decide-intent.ts";
import { readFailure, readVerificationAnswer } from "./read-answer.ts";

const wallClockMs = 10_000;
const maxAnswerBytes = 4096;
/** At most three tries, so that a forged request costs its victim three GETs. */
const retryDelaysMs = [10_000, 60_000] as const;

/** What asking the publisher has shown (§5.2). */
export type Validation =
  | { readonly kind: "accepted" }
  | { readonly kind: "denied"; readonly reason: string }
  | Unanswered;

type Unanswered = Extract<VerificationAnswer, { readonly kind: "unavailable" | "hindered" }>;

export type VerifyDeps = {
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** Only subscriptions are validated (§5). */
  readonly validate: (intent: IntentClaim, signal: AbortSignal) => Promise<Validation>;
};

/**
 * One try at verifying an intent (§5.3), or at telling that it was denied (§5.2). Changes nothing: it resolves to what
 * is to be stored. `undefined`: cut short by `signal`, so it did not happen.
 */
export async function verifyIntent(
  deps: VerifyDeps,
  intent: IntentClaim,
  signal: AbortSignal,
): Promise<IntentDecision | undefined> {
  const decision = await decide(deps, intent, signal);
  return signal.aborted && decision.next !== "apply" ? undefined : decision;
}

async function decide(deps: VerifyDeps, intent: IntentClaim, signal: AbortSignal): Promise<IntentDecision> {
  if (intent.denial !== undefined) return tellDenial(deps, intent, intent.denial, signal);
  if (intent.mode === "subscribe") {
    const validation = await deps.validate(intent, signal);
    if (validation.kind === "denied") return { next: "deny", reason: validation.reason };
    if (validation.kind !== "accepted") return postpone(intent, validation, deps.clock.now());
  }
  return askCallback(deps, intent, signal);
}

/** A topic that cannot be asked is denied in the end: a 202 is never followed by silence. */
function postpone(intent: IntentClaim, answer: Unanswered, now: Date): IntentDecision {
  const decision = decideIntent(answer, intent, now, now, retryDelaysMs);
  if (decision.next !== "drop") return decision;
  return { next: "deny", reason: `the topic could not be checked: ${answer.detail}` };
}

async function askCallback({ outbound, clock }: VerifyDeps, intent: IntentClaim, signal: AbortSignal) {
  const challenge = randomBytes(32).toString("base64url");
  const sentAt = clock.now();
  const answer = await get(outbound, signal, intent.callback, {
    "hub.mode": intent.mode,
    "hub.topic": intent.topicAsAsked,
    "hub.challenge": challenge,
    "hub.lease_seconds": intent.mode === "subscribe" ? String(intent.leaseSeconds) : undefined,
    "hub.verify_token": intent.verifyToken,
  });
  const read = readVerificationAnswer(answer, challenge);
  return decideIntent(read, intent, sentAt, clock.now(), retryDelaysMs);
}

/** What the callback answers to a denial means nothing; it is told again only if it could not be reached. */
async function tellDenial(
  { outbound, clock }: VerifyDeps,
  intent: IntentClaim,
  reason: string,
  signal: AbortSignal,
): Promise<IntentDecision> {
  const parameters = { "hub.mode": "denied", "hub.topic": intent.topicAsAsked, "hub.reason": reason };
  const answer = await get(outbound, signal, intent.callback, parameters);
  const told: IntentDecision = { next: "drop", reason };
  if (answer.kind === "answered") return told;
  const read = readFailure(answer);
  const now = clock.now();
  return read.kind === "refused" ? told : decideIntent(read, intent, now, now, retryDelaysMs);
}

function get(
  outbound: Outbound,
  signal: AbortSignal,
  callback: string,
  parameters: Readonly<Record<string, string | undefined>>,
) {
  const url = appendToCallback(callback, parameters);
  const headers = { accept: "*/*" };
  return outbound.exchange({
    url,
    headers,
    wallClockMs,
    maxBytes: maxAnswerBytes,
    signal,
  });
}
