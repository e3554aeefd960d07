import type { Clock } from "../clock.ts";
import type { AttemptAnswer } from "../model/delivery.ts";
import type { Publication } from "../model/publication.ts";
import type { Recipient } from "../model/subscription.ts";
import { isOwnFault, type OutboundFailure } from "../outbound/outbound.ts";
import { parseRetryAfter } from "./decide-retry.ts";
import type { Post, PostAnswer } from "./post.ts";

export type AttemptDeps = {
  readonly post: Post;
  readonly clock: Clock;
  /** Cuts short what is still on its way when the hub must end. */
  readonly cut: AbortSignal;
};

/** One attempt, and when it began. `undefined` as the answer: cut short by us, so it counts for nothing. */
export type Attempted = {
  readonly answer: AttemptAnswer | undefined;
  readonly at: Date;
  readonly durationMs: number;
};

/** One POST of a publication to a subscription, and what its answer means. Never rejects for what the peer does. */
export async function attemptDelivery(
  { post, clock, cut }: AttemptDeps,
  publication: Publication,
  recipient: Recipient,
  attempt: number,
): Promise<Attempted> {
  const at = clock.now();
  const startedMs = clock.monotonicMs();
  const answer = await post(publication, recipient, attempt, at);
  return { answer: toAttemptAnswer(answer, clock.now(), cut), at, durationMs: clock.monotonicMs() - startedMs };
}

function toAttemptAnswer(answer: PostAnswer, now: Date, cut: AbortSignal): AttemptAnswer | undefined {
  if (answer.kind === "answered") {
    return { kind: "answered", status: answer.status, retryAfterSeconds: parseRetryAfter(answer.retryAfter, now) };
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
