import type { MessagePort } from "node:worker_threads";

import { systemClock } from "../clock.ts";
import type { Publication } from "../model/publication.ts";
import type { PostAnswer } from "../outbound/outbound.ts";
import { freeLargeBody } from "../work/large-body.ts";
import type { Post } from "./post.ts";
import type { Orders, PostOrder, Result } from "./thread-messages.ts";

type Kept = { readonly publication: Publication; open: number; isForgotten: boolean };

/** The inside of a delivery thread: makes the POSTs it is told to make, and says what came of them, many at a time. */
export function serveOrders(port: MessagePort, post: Post): void {
  const publications = new Map<number, Kept>();
  let results: Result[] = [];

  port.on("message", ({ givenMs, keep, posts, forget }: Orders) => {
    const waitedMs = systemClock.monotonicMs() - givenMs;
    for (const [id, publication] of keep) {
      const kept = {
        publication: { ...publication, body: Buffer.from(publication.body) },
        open: 0,
        isForgotten: false,
      };
      publications.set(id, kept);
    }
    for (const order of posts) void make(order, waitedMs);
    for (const id of forget) forgetOne(id);
  });

  async function make(order: PostOrder, waitedMs: number): Promise<void> {
    const [id, name, subscriptionId, callback, secret, signatureMethod, attempt, at, elapsedMs] = order;
    const kept = publications.get(name);
    if (kept === undefined) throw new Error(`publication ${name} was not given to this thread`);
    const recipient = { subscriptionId, callback, secret, signatureMethod };
    kept.open += 1;
    tell(id, await post(kept.publication, recipient, attempt, new Date(at), elapsedMs + waitedMs));
    kept.open -= 1;
    freeIfDone(kept);
  }

  function forgetOne(id: number): void {
    const kept = publications.get(id);
    if (kept === undefined) return;
    publications.delete(id);
    kept.isForgotten = true;
    freeIfDone(kept);
  }

  function tell(id: number, answer: PostAnswer): void {
    if (results.length === 0) setImmediate(flush);
    const isPlain = answer.kind === "answered" && answer.retryAfter === undefined;
    results.push([id, isPlain ? answer.status : answer]);
  }

  function flush(): void {
    port.postMessage(results);
    results = [];
  }
}

/** Those above may have abandoned a POST that is still under way here. */
function freeIfDone({ publication, open, isForgotten }: Kept): void {
  if (isForgotten && open === 0) freeLargeBody(publication.body);
}
