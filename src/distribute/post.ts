import type { Publication } from "../model/publication.ts";
import type { Recipient } from "../model/subscription.ts";
import type { Outbound, OutboundAnswer, OutboundFailure } from "../outbound/outbound.ts";
import { deliveryHeaders, type HeaderPolicy } from "./delivery-headers.ts";

/** An attempt that takes longer is a failure (DESIGN 6). */
export const wallClockMs = 15_000;
/** What is read of an answer nobody looks at, so that its connection can be used again. */
const maxAnswerBytes = 16_384;

/** What came of a POST: as much of it as an attempt is judged by, in values that can cross threads. */
export type PostAnswer =
  | { readonly kind: "answered"; readonly status: number; readonly retryAfter: string | undefined }
  | { readonly kind: "failed"; readonly reason: OutboundFailure; readonly detail: string };

/** Whom a delivery is for, and how it is signed for them. */
export type Addressee = Omit<Recipient, "generation">;

/** Signs and sends one delivery (§7, §7.1), as the `attempt`-th (1-based), begun at `at`. */
export type Post = (publication: Publication, recipient: Addressee, attempt: number, at: Date) => Promise<PostAnswer>;

export type PostDeps = {
  readonly outbound: Outbound;
  readonly headers: HeaderPolicy;
  /** Ends what is on its way as `aborted`. */
  readonly cut: AbortSignal;
};

/** Posts from this thread. The status line settles it: redirects are not followed and the body is ignored. */
export function createPost({ outbound, headers, cut }: PostDeps): Post {
  return async (publication, recipient, attempt, at) => {
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
    return toPostAnswer(answer);
  };
}

function toPostAnswer(answer: OutboundAnswer): PostAnswer {
  if (answer.kind === "failed") return answer;
  return { kind: "answered", status: answer.status, retryAfter: answer.headers["retry-after"] };
}
