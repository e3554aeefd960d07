import type { Publication } from "../model/publication.ts";
import type { Secrets } from "../model/secret.ts";
import type { Recipient } from "../model/subscription.ts";
import type { PostAnswer, Poster } from "../outbound/outbound.ts";
import { headerLines } from "../outbound/header-lines.ts";
import { attemptLines, type HeaderPolicy, publicationHeaders } from "./delivery-headers.ts";

/** Whom a delivery is for, and how it is signed for them. */
export type Addressee = Omit<Recipient, "generation">;

/**
 * Signs and sends one delivery (§7, §7.1), as the `attempt`-th (1-based), begun at `at` of the wall clock. Of its wall clock `elapsedMs` may have
 * gone by since; absent: nothing.
 */
export type Post = (
  publication: Publication,
  recipient: Addressee,
  attempt: number,
  at: Date,
  elapsedMs?: number,
) => Promise<PostAnswer>;

/** Posts from this thread, the only place where secrets are opened. The status line settles it: redirects are not followed and the body is ignored. */
export function createPost(poster: Poster, policy: HeaderPolicy, openSecret: Secrets["open"]): Post {
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
    const addressee = open(recipient, publication, openSecret);
    if ("kind" in addressee) return Promise.resolve(addressee);
    const headers = lines + attemptLines(publication, addressee, attempt, at, policy);
    return poster.post({ url: recipient.callback, headers, body: publication.body, elapsedMs });
  };
}

/** Policy: whose secret cannot be opened is sent nothing, rather than something unsigned, and not blamed for it. */
function open(
  recipient: Addressee,
  { topicUrl: topic }: Publication,
  openSecret: Secrets["open"],
): Addressee | Extract<PostAnswer, { kind: "failed" }> {
  if (recipient.secret === undefined) return recipient;
  const opened = openSecret(recipient.secret, { topic, callback: recipient.callback });
  switch (opened.kind) {
    case "opened":
      return { ...recipient, secret: opened.secret };
    case "unknown_key":
      return hindered(`its secret is sealed with key ${opened.keyId}, which CARILLON_SECRET_KEY lacks`);
    case "damaged":
      return hindered("its secret cannot be opened: what was sealed has been changed");
  }
}

function hindered(detail: string): Extract<PostAnswer, { kind: "failed" }> {
  return { kind: "failed", reason: "exhausted", detail };
}
