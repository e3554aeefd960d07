import type { AttemptAnswer, AttemptRecord, CatchUpOutcome, HastenedBy } from "../model/delivery.ts";
import type { PublicationKey } from "../model/publication.ts";
import type { Attempted } from "./attempt.ts";
import { ownFaultPauseMs } from "../outbound/outbound.ts";
import { decideRetry, type RetryPolicy } from "./decide-retry.ts";
import { isHostTrouble, readSign } from "./host-sign.ts";

/** What an answered attempt means for the subscription, and the line it leaves in the log. */
export type Judgement = { readonly outcome: CatchUpOutcome; readonly record: AttemptRecord };

/** After an attempt made before its time, if that time is close. */
const earlyPauseMs = 5000;

export type JudgePolicy = {
  readonly retry: RetryPolicy;
  /** In [0, 1), for jitter. */
  readonly random: () => number;
};

/** The delivery an attempt was for. */
export type Attemptable = PublicationKey & {
  readonly subscriptionId: number;
  readonly generation: number;
  /** Attempts made before. */
  readonly attempts: number;
  /** When its schedule has it tried; absent: now. */
  readonly retryAt?: Date;
  /** It was made to learn whether its host is back. */
  readonly isProbe?: boolean;
};

type Answered = Attempted & { readonly answer: AttemptAnswer };

/**
 * §7: 2xx is success, 410 ends the subscription, everything else is a failure; and no failure ends a subscription.
 * Policy: an attempt that was made before its time, because its host seemed to be back, or to learn whether it is, uses up
 * nothing if it fails.
 */
export function judgeAttempt(delivery: Attemptable, attempted: Answered, now: Date, policy: JudgePolicy): Judgement {
  const outcome = decideOutcome(delivery, attempted, now, policy);
  const { answer, at, durationMs } = attempted;
  const record: AttemptRecord = {
    topicId: delivery.topicId,
    seq: delivery.seq,
    subscriptionId: delivery.subscriptionId,
    count: 1,
    attempt: delivery.attempts + 1,
    at,
    durationMs,
    outcome: outcome.kind,
    status: answer.kind === "answered" ? answer.status : undefined,
    reason: answer.kind === "answered" ? undefined : answer.reason,
  };
  return { outcome, record };
}

function decideOutcome(
  { generation, attempts, retryAt, isProbe }: Attemptable,
  { answer, at }: Answered,
  now: Date,
  { retry, random }: JudgePolicy,
): CatchUpOutcome {
  if (answer.kind === "answered" && answer.status >= 200 && answer.status <= 299) return { kind: "delivered" };
  const isEarly = isProbe === true || (retryAt !== undefined && retryAt > at);
  const hastenedBy = decideHaste(answer, isEarly);
  if (answer.kind === "hindered") {
    return { kind: "failed", attempts, dueAt: later(retryAt, now, ownFaultPauseMs), hastenedBy };
  }
  const decision = decideRetry(answer, attempts + 1, now, retry, random());
  if (answer.kind === "answered" && answer.status === 410) {
    return { kind: "gone", attempts: attempts + 1, dueAt: decision.at, hastenedBy, generation };
  }
  if (isEarly) return { kind: "failed", attempts, dueAt: later(retryAt, now, earlyPauseMs), hastenedBy };
  const kind = decision.next === "give_up" ? "given_up" : "failed";
  return { kind, attempts: attempts + 1, dueAt: decision.at, hastenedBy };
}

/**
 * Policy: a host that is back hastens what its trouble has delayed. Once in a wait any 2xx of it may do so; after that only a
 * closing breaker, which says more than a neighbour's success does. Whoever was told how long to wait is not hastened.
 */
function decideHaste(answer: AttemptAnswer, isEarly: boolean): HastenedBy {
  const isTold = answer.kind === "answered" && (answer.status === 429 || answer.retryAfterSeconds !== undefined);
  if (isTold || !isHostTrouble(readSign(answer))) return "nothing";
  return isEarly ? "recovery" : "success";
}

function later(at: Date | undefined, now: Date, pauseMs: number): Date {
  return new Date(Math.max(at?.getTime() ?? 0, now.getTime() + pauseMs));
}
