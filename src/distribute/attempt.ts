import type { Clock } from "../clock.ts";
import type { AttemptAnswer } from "../model/delivery.ts";
import type { Publication } from "../model/publication.ts";
import type { Recipient } from "../model/subscription.ts";
import { isOwnFault, type Outbound, type OutboundAnswer, type OutboundFailure } from "../outbound/outbound.ts";
import { parseRetryAfter } from "./decide-retry.ts";
import { deliveryHeaders, type HeaderPolicy } from "./delivery-headers.ts";

const wallClockMs = 15_000;
/** What is read of an answer nobody looks at, so that its connection can be used again. */
const maxAnswerBytes = 16_384;

export type AttemptDeps = {
  readonly outbound: Outbound;
  readonly clock: Clock;
  readonly headers: HeaderPolicy;
  /** Cuts short what is still on its way when the hub must end. */
  readonly cut: AbortSignal;
};

/** One attempt, and when it began. `undefined` as the answer: cut short by us, so it counts for nothing. */
export type Attempted = {
  readonly answer: AttemptAnswer | undefined;
  readonly at: Date;
  readonly durationMs: number;
};

/**
 * One POST of a publication to a subscription (§7). The status line settles it: redirects are not followed and the body
 * is ignored. Never rejects for what the peer does.
 */
export async function attemptDelivery(
  { outbound, clock, headers, cut }: AttemptDeps,
  publication: Publication,
  recipient: Recipient,
  attempt: number,
): Promise<Attempted> {
  const at = clock.now();
  const startedMs = clock.monotonicMs();
  const answer = await outbound.exchange({
    method: "POST",
    url: recipient.callback,
    headers: deliveryHeaders(publication, recipient, attempt, at, headers),
    body: publication.body,
    wallClockMs,
    maxBytes: maxAnswerBytes,
    until: "status",
    signal: cut,
  });
  return { answer: toAttemptAnswer(answer, clock.now(), cut), at, durationMs: clock.monotonicMs() - startedMs };
}

function toAttemptAnswer(answer: OutboundAnswer, now: Date, cut: AbortSignal): AttemptAnswer | undefined {
  if (answer.kind === "failed") {
    if (cut.aborted) return undefined;
    const reason = `${answer.reason}: ${answer.detail}`;
    if (isOwnFault(answer)) return { kind: "hindered", reason };
    return { kind: "failed", fault: faultOf(answer.reason), reason };
  }
  const retryAfterSeconds = parseRetryAfter(answer.headers["retry-after"], now);
  return { kind: "answered", status: answer.status, retryAfterSeconds };
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
