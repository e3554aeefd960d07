import type { Clock } from "../clock.ts";
import type { AttemptAnswer } from "../model/delivery.ts";
import type { Publication } from "../model/publication.ts";
import type { Recipient } from "../model/subscription.ts";
import { isOwnFault, type OutboundFailure, type PostAnswer } from "../outbound/outbound.ts";
import { parseRetryAfter } from "./decide-retry.ts";
import type { Post } from "./post.ts";

export type AttemptDeps = {
  readonly post: Post;
  readonly clock: Clock;
  /** Cuts short what is still on its way when the hub must end. */
  readonly cut: AbortSignal;
  readonly onError: (error: unknown) => void;
};

/** One attempt, and when it began. `undefined` as the answer: cut short by us, so it counts for nothing. */
export type Attempted = {
  readonly answer: AttemptAnswer | undefined;
  readonly at: Date;
  readonly durationMs: number;
};

/**
 * One POST of a publication to a subscription, and what its answer means. Never rejects: a fault of our own is told, and counts
 * as a failure of this delivery, so that it does not take the others with it.
 */
export async function attemptDelivery(
  { post, clock, cut, onError }: AttemptDeps,
  publication: Publication,
  recipient: Recipient,
  attempt: number,
): Promise<Attempted> {
  const at = clock.now();
  const startedMs = clock.monotonicMs();
  let answer: AttemptAnswer | undefined;
  try {
    answer = toAttemptAnswer(await post(publication, recipient, attempt, clock.wallNow()), clock, cut);
  } catch (error) {
    onError(error);
    answer = { kind: "failed", fault: "broken", reason: "internal error" };
  }
  return { answer, at, durationMs: clock.monotonicMs() - startedMs };
}

function toAttemptAnswer(answer: PostAnswer, clock: Clock, cut: AbortSignal): AttemptAnswer | undefined {
  if (answer.kind === "answered") {
    const { status, retryAfter } = answer;
    return {
      kind: "answered",
      status,
      retryAfterSeconds: retryAfter === undefined ? undefined : parseRetryAfter(retryAfter, clock.wallNow()),
    };
  }
  if (cut.aborted) return undefined;
  const reason = `${answer.reason}: ${answer.detail}`;
  if (isOwnFault(answer)) return { kind: "hindered", reason };
  return { kind: "failed", fault: faultOf(answer.reason), reason };
}

function faultOf(reason: OutboundFailure): Extract<AttemptAnswer, { kind: "failed" }>["fault"] {
  switch (reason) {
    case "timeout":
      return "timeout";
    case "refused":
    case "unresolved":
    case "tls":
      return "unreachable";
    default:
      return "broken";
  }
}
