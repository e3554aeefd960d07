import type { AttemptAnswer, AttemptRecord, CatchUpOutcome } from "../model/delivery.ts";
import type { PublicationKey } from "../model/publication.ts";
import type { Attempted } from "./attempt.ts";
import { decideRetry, type RetryPolicy } from "./decide-retry.ts";

/** What an answered attempt means for the subscription, and the line it leaves in the log. */
export type Judgement = { readonly outcome: CatchUpOutcome; readonly record: AttemptRecord };

/** Long enough not to make a shortage of ours worse. */
const hinderedPauseMs = 60_000;

export type JudgePolicy = {
  readonly retry: RetryPolicy;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
};

/**
 * §7: 2xx is success, 410 ends the subscription, everything else is a failure; and no failure ends a subscription.
 * `attempt` is 1-based.
 */
export function judgeAttempt(
  delivery: PublicationKey & { readonly subscriptionId: number; readonly generation: number },
  attempt: number,
  attempted: Attempted & { readonly answer: AttemptAnswer },
  now: Date,
  policy: JudgePolicy,
): Judgement {
  const outcome = decideOutcome(delivery.generation, attempt, attempted.answer, now, policy);
  const { answer, at, durationMs } = attempted;
  const record: AttemptRecord = {
    topicId: delivery.topicId,
    seq: delivery.seq,
    subscriptionId: delivery.subscriptionId,
    count: 1,
    attempt,
    at,
    durationMs,
    outcome: outcome.kind,
    status: answer.kind === "answered" ? answer.status : undefined,
    reason: answer.kind === "answered" ? undefined : answer.reason,
  };
  return { outcome, record };
}

function decideOutcome(
  generation: number,
  attempt: number,
  answer: AttemptAnswer,
  now: Date,
  { retry, random }: JudgePolicy,
): CatchUpOutcome {
  if (answer.kind === "answered" && answer.status >= 200 && answer.status <= 299) return { kind: "delivered" };
  if (answer.kind === "hindered") {
    return { kind: "failed", attempts: attempt - 1, dueAt: new Date(now.getTime() + hinderedPauseMs) };
  }
  const decision = decideRetry(answer, attempt, now, retry, random());
  if (answer.kind === "answered" && answer.status === 410) {
    const dueAt = decision.next === "retry" ? decision.at : now;
    return { kind: "gone", attempts: attempt, dueAt, generation };
  }
  if (decision.next === "give_up") return { kind: "given_up" };
  return { kind: "failed", attempts: attempt, dueAt: decision.at };
}
