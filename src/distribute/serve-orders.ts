import type { MessagePort } from "node:worker_threads";

import type { Publication } from "../model/publication.ts";
import type { Post, PostAnswer } from "./post.ts";
import type { Orders, PostOrder, Results } from "./thread-messages.ts";

/** The inside of a delivery thread: makes the POSTs it is told to make, and says what came of them, many at a time. */
export function serveOrders(port: MessagePort, post: Post): void {
  const publications = new Map<number, Publication>();
  let results: Results[number][] = [];

  port.on("message", ({ keep, posts, forget }: Orders) => {
    for (const { id, publication } of keep) {
      publications.set(id, { ...publication, body: Buffer.from(publication.body) });
    }
    for (const order of posts) void make(order);
    for (const id of forget) publications.delete(id);
  });

  async function make({ id, publication, recipient, attempt, at }: PostOrder): Promise<void> {
    const kept = publications.get(publication);
    if (kept === undefined) throw new Error(`publication ${publication} was not given to this thread`);
    tell(id, await post(kept, recipient, attempt, at));
  }

  function tell(id: number, answer: PostAnswer): void {
    if (results.length === 0) setImmediate(flush);
    results.push({ id, answer });
  }

  function flush(): void {
    port.postMessage(results);
    results = [];
  }
}
