import { Worker } from "node:worker_threads";

import type { ThreadSettings } from "./delivery-thread.ts";
import { createPost, type Post } from "./distribute/post.ts";
import { DeliveryThreads, type DeliveryThreadsDeps } from "./distribute/delivery-threads.ts";
import type { Outbound } from "./outbound/outbound.ts";

/** Beside this file: built together, each is a program of its own. */
const program = new URL(`delivery-thread.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url);

export type DeliveryPostDeps = Omit<DeliveryThreadsDeps, "spawn"> &
  ThreadSettings & {
    /** Posts from the main thread go out by it. */
    readonly door: Outbound;
  };

/** How deliveries are signed and sent: by `count` threads, or with none of them on the main thread. */
export function openDeliveryPost(deps: DeliveryPostDeps): AsyncDisposable & { readonly post: Post } {
  const { count, headers, outbound, door, cut } = deps;
  if (count > 0)
    return new DeliveryThreads({ ...deps, spawn: () => new Worker(program, { workerData: { headers, outbound } }) });
  return { post: createPost({ outbound: door, headers, cut }), async [Symbol.asyncDispose]() {} };
}
