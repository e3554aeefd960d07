import { setTimeout } from "node:timers/promises";

import { type Answer, openPeer, type Peer, type Received } from "../support/peer.ts";

/** A POST to one of a crowd. */
export type Post = {
  readonly target: string;
  readonly webhookId: string;
  /** To one that answers at once. */
  readonly isPrompt: boolean;
  /** Absent while it waits. */
  answeredMs: number | undefined;
};

/** Thousands of subscribers at a few origins: most answer at once, some take seconds, some do not answer at all. */
export type Crowd = AsyncDisposable & {
  /** As many times as that origin's share is large: nine in ten are prompt. */
  readonly origins: readonly string[];
  readonly posts: readonly Post[];
  /** Resolves once so many POSTs have begun. */
  reached(count: number): Promise<void>;
  /** From now on everybody answers at once. */
  relent(): void;
};

const fastMs = 5;
const slowMs = 3000;

export async function openCrowd(): Promise<Crowd> {
  const posts: Post[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  let hasRelented = false;

  async function take(request: Received, delayMs: number): Promise<Answer | "hang"> {
    const webhookId = request.headers["webhook-id"] ?? "";
    const isPrompt = delayMs === fastMs;
    const post: Post = { target: request.target, webhookId, isPrompt, answeredMs: undefined };
    posts.push(post);
    for (const { count, resolve } of waiting) if (posts.length >= count) resolve();
    if (!hasRelented && delayMs === Infinity) return "hang";
    await setTimeout(hasRelented ? fastMs : delayMs);
    post.answeredMs = performance.now();
    return { status: 204 };
  }

  await using stack = new AsyncDisposableStack();
  const open = async (delayMs: number): Promise<Peer> => stack.use(await openPeer((request) => take(request, delayMs)));
  const [fast, other, slow, silent] = [
    await open(fastMs),
    await open(fastMs),
    await open(slowMs),
    await open(Infinity),
  ];
  const origins = Array.from({ length: 18 }, (_, i) => (i % 2 === 0 ? fast : other).origin);
  const all = stack.move();
  return {
    origins: [...origins, slow.origin, silent.origin],
    posts,
    reached: (count) =>
      new Promise((resolve) => {
        if (posts.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
    relent() {
      hasRelented = true;
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
