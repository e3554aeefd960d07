import type { Publication } from "../model/publication.ts";
import type { Recipient } from "../model/subscription.ts";
import type { PostAnswer } from "./post.ts";

/** One POST to be made. `publication` names one that the thread was given. */
export type PostOrder = {
  readonly id: number;
  readonly publication: number;
  readonly recipient: Recipient;
  readonly attempt: number;
  readonly at: Date;
};

/** A publication for a thread to keep, its body shared and never copied. */
export type SharedPublication = Omit<Publication, "body"> & { readonly body: SharedArrayBuffer };

/** To a thread: what to keep, what to send, what to forget, in this order. */
export type Orders = {
  readonly keep: readonly { readonly id: number; readonly publication: SharedPublication }[];
  readonly posts: readonly PostOrder[];
  readonly forget: readonly number[];
};

/** From a thread: what came of POSTs. */
export type Results = readonly { readonly id: number; readonly answer: PostAnswer }[];
