import type { Publication } from "../model/publication.ts";
import type { Recipient } from "../model/subscription.ts";
import type { PostAnswer, Poster } from "../outbound/outbound.ts";
import { headerLines } from "../outbound/header-lines.ts";
import { attemptLines, type HeaderPolicy, publicationHeaders } from "./delivery-headers.ts";

/** Whom a delivery is for, and how it is signed for them. */
export type Addressee = Omit<Recipient, "generation">;

/**
 * Signs and sends one delivery (§7, §7.1), as the `attempt`-th (1-based), begun at `at`. Of its wall clock `elapsedMs` may have
 * gone by since; absent: nothing.
 */
export type Post = (
  publication: Publication,
  recipient: Addressee,
  attempt: number,
  at: Date,
  elapsedMs?: number,
) => Promise<PostAnswer>;

/** Posts from this thread. The status line settles it: redirects are not followed and the body is ignored. */
export function createPost(poster: Poster, policy: HeaderPolicy): Post {
  /** What is the same for all whom a publication goes to. */
  const shared = new WeakMap<Publication, ReturnType<typeof headerLines>>();

  function sharedLines(publication: Publication): ReturnType<typeof headerLines> {
    const known = shared.get(publication);
    if (known !== undefined) return known;
    const made = headerLines(publicationHeaders(publication, policy));
    shared.set(publication, made);
    return made;
  }

  return (publication, recipient, attempt, at, elapsedMs = 0) => {
    const lines = sharedLines(publication);
    if (typeof lines !== "string") return Promise.resolve(lines);
    const headers = lines + attemptLines(publication, recipient, attempt, at, policy);
    return poster.post({ url: recipient.callback, headers, body: publication.body, elapsedMs });
  };
}
