import type { NewIntent } from "../../src/model/intent.ts";
import type { Store } from "../../src/store/store.ts";
import { close, failure, idsOf, intent, nextChunk, publish, settleIntents } from "../conformance/support.ts";

/** So many writes share a commit. */
const batch = 5000;

/** Subscriptions to `topic`, in this order, as if they had been verified just now. */
export async function subscribe(store: Store, topic: string, callbacks: readonly string[]): Promise<void> {
  const now = new Date();
  await inBatches(callbacks, async (some) => {
    await Promise.all(some.map((callback) => store.intents.addIntent(toIntent(topic, callback), now)));
    await settleIntents(store, { next: "apply", verifiedAt: now }, now);
  });
}

/** Requests to subscribe that wait to be verified. */
export async function request(store: Store, topic: string, callbacks: readonly string[]): Promise<void> {
  const now = new Date();
  await inBatches(callbacks, (some) =>
    Promise.all(some.map((callback) => store.intents.addIntent(toIntent(topic, callback), now))),
  );
}

/** A publication that failed once with everybody subscribed to `topic`, who are all due again. */
export async function fallBehind(store: Store, topic: string): Promise<void> {
  const now = new Date();
  await publish(store, topic, now);
  for (let chunk = await nextChunk(store, now); chunk !== undefined; chunk = await nextChunk(store, now)) {
    await close(store, chunk, { behind: idsOf(chunk).map((id) => failure(id, { dueAt: now })) });
  }
}

/** Everybody has one of their own. */
export function secretOf(callback: string): string {
  return `a secret of ${callback}`;
}

function toIntent(topic: string, callback: string): NewIntent {
  return intent({ topic, callback, secret: secretOf(callback) });
}

async function inBatches<T>(all: readonly T[], work: (some: readonly T[]) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < all.length; from += batch) await work(all.slice(from, from + batch));
}
