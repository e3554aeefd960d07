import type { IntentClaim, IntentDecision, VerificationAnswer } from "../model/intent.ts";
import { ownFaultPauseMs } from "../outbound/outbound.ts";

/** Bounds how long faults of our own keep an intent, and what waits behind it. */
const longestHinderedMs = 86_400_000;

/**
 * Decide the fate of an intent after one more try, sent at `sentAt`.
 * Policy: a network error or a 5xx is tried again with a fresh challenge; any other answer is final. A try that a fault of
 * our own hindered uses up none, until the intent is a day old: from then on it counts like a network error. So an intent
 * ends, and one that is old because the hub was away still has its three tries.
 */
export function decideIntent(
  answer: VerificationAnswer,
  intent: Pick<IntentClaim, "attempts" | "startAt">,
  sentAt: Date,
  now: Date,
  retryDelaysMs: readonly number[],
): IntentDecision {
  switch (answer.kind) {
    case "confirmed":
      return { next: "apply", verifiedAt: sentAt };
    case "refused":
      return { next: "drop", reason: answer.detail };
    case "hindered":
      if (now.getTime() - intent.startAt.getTime() < longestHinderedMs) {
        return { next: "retry", attempts: intent.attempts, at: new Date(now.getTime() + ownFaultPauseMs) };
      }
      return countTry(answer.detail, intent.attempts, now, retryDelaysMs);
    case "unavailable":
      return countTry(answer.detail, intent.attempts, now, retryDelaysMs);
  }
}

function countTry(detail: string, before: number, now: Date, retryDelaysMs: readonly number[]): IntentDecision {
  const delayMs = retryDelaysMs[before];
  if (delayMs === undefined) return { next: "drop", reason: `gave up: ${detail}` };
  return { next: "retry", attempts: before + 1, at: new Date(now.getTime() + delayMs) };
}
