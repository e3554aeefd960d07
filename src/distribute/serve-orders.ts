import type { MessagePort } from "node:worker_threads";

import { systemClock } from "../clock.ts";
import type { Publication } from "../model/publication.ts";
import type { PostAnswer } from "../outbound/outbound.ts";
import type { Post } from "./post.ts";
import type { Orders, PostOrder, Result } from "./thread-messages.ts";

/** The inside of a delivery thread: makes the POSTs it is told to make, and says what came of them, many at a time. */
export function serveOrders(port: MessagePort, post: Post): void {
  const publications = new Map<number, Publication>();
  let results: Result[] = [];

  port.on("message", ({ givenMs, keep, posts, forget }: Orders) => {
    const waitedMs = systemClock.monotonicMs() - givenMs;
    for (const [id, publication] of keep) {
      publications.set(id, { ...publication, body: Buffer.from(publication.body) });
    }
    for (const order of posts) void make(order, waitedMs);
    for (const id of forget) publications.delete(id);
  });

  async function make(order: PostOrder, waitedMs: number): Promise<void> {
    const [id, name, subscriptionId, callback, secret, signatureMethod, attempt, at, elapsedMs] = order;
    const publication = publications.get(name);
    if (publication === undefined) throw new Error(`publication ${name} was not given to this thread`);
    const recipient = { subscriptionId, callback, secret, signatureMethod };
    tell(id, await post(publication, recipient, attempt, new Date(at), elapsedMs + waitedMs));
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
