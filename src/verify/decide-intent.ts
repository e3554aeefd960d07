import type { IntentDecision, VerificationAnswer } from "../model/intent.ts";

/**
 * Decide the fate of an intent after its `attempt`-th try (1-based), sent at `sentAt`.
 * Policy: a network error or a 5xx is tried again with a fresh challenge; any other answer is final.
 */
export function decideIntent(
  answer: VerificationAnswer,
  attempt: number,
  sentAt: Date,
  now: Date,
  retryDelaysMs: readonly number[],
): IntentDecision {
  switch (answer.kind) {
    case "confirmed":
      return { next: "apply", verifiedAt: sentAt };
    case "refused":
      return { next: "drop", reason: answer.detail };
    case "unavailable": {
      const delayMs = retryDelaysMs[attempt - 1];
      if (delayMs === undefined) return { next: "drop", reason: `gave up: ${answer.detail}` };
      return { next: "retry", at: new Date(now.getTime() + delayMs) };
    }
  }
}
