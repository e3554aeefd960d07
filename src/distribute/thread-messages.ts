import type { Publication } from "../model/publication.ts";
import type { SignatureMethod } from "../model/signature-method.ts";
import type { PostAnswer } from "../outbound/outbound.ts";

// Tuples, for of objects every key would be copied with every message.

/**
 * One POST to be made. `publication` names one that the thread was given; `at` is in milliseconds since 1970; `elapsedMs` has
 * gone by of its wall clock when it was ordered.
 */
export type PostOrder = readonly [
  id: number,
  publication: number,
  subscriptionId: number,
  callback: string,
  secret: string | undefined,
  signatureMethod: SignatureMethod | undefined,
  attempt: number,
  at: number,
  elapsedMs: number,
];

/**
 * A publication for a thread to keep, its body a copy that is the thread's own. Memory that threads share would be freed only
 * when the last of them collects its garbage, and none of them counts it.
 */
export type CopiedPublication = Omit<Publication, "body"> & { readonly body: ArrayBuffer };

/** To a thread: what to keep, what to send, what to forget, in this order. */
export type Orders = {
  /** When they were given, by the system's monotonic clock, which is the same in all threads. */
  readonly givenMs: number;
  readonly keep: readonly (readonly [id: number, publication: CopiedPublication])[];
  readonly posts: readonly PostOrder[];
  readonly forget: readonly number[];
};

/** From a thread: what came of a POST. A status alone is an answer that says nothing else. */
export type Result = readonly [id: number, answer: number | PostAnswer];
