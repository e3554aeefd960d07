import { Worker } from "node:worker_threads";

import type { ThreadSettings } from "./delivery-thread.ts";
import { createPost, type Post } from "./distribute/post.ts";
import { DeliveryThreads, type DeliveryThreadsDeps } from "./distribute/delivery-threads.ts";
import type { Resolve } from "./outbound/guarded-lookup.ts";
import { createPoster } from "./outbound/poster.ts";
import { createSecrets } from "./secrets.ts";

/** Beside this file: built together, each is a program of its own. */
const program = new URL(`delivery-thread.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url);

export type DeliveryPostDeps = Omit<DeliveryThreadsDeps, "spawn"> &
  ThreadSettings & {
    /** In place of the hub's own resolver; cannot cross threads. */
    readonly resolve: Resolve | undefined;
  };

/** How deliveries are signed and sent: by `count` threads, or with none of them on the main thread. */
export function openDeliveryPost(deps: DeliveryPostDeps): AsyncDisposable & { readonly post: Post } {
  const { count, headers, poster, secretKeys, resolve, clock, cut } = deps;
  if (count > 0) {
    const workerData: ThreadSettings = { headers, poster, secretKeys };
    return new DeliveryThreads({ ...deps, spawn: () => new Worker(program, { workerData }) });
  }
  const own = createPoster({ ...poster, clock, cut, ...(resolve && { resolve }) });
  return {
    post: createPost(own, headers, createSecrets(secretKeys).open),
    [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
  };
}
