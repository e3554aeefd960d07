import type { Answer, Received } from "./peer.ts";
import { openSubscriber, type Subscriber } from "./subscriber.ts";

export type HoldingSubscriber = Subscriber & {
  /** Deliveries that wait for an answer, in order of arrival. */
  readonly open: readonly Received[];
  /** The most that ever waited at a time. */
  readonly most: number;
  /** Answers the first `count` of those that wait. */
  answer(count: number, status: number): void;
  /** Answers all that wait, and all that come from now on at once. */
  release(status: number): void;
};

/** A subscriber on loopback that confirms at once, and answers deliveries when it is told to. */
export async function openHoldingSubscriber(): Promise<HoldingSubscriber> {
  const open: { readonly request: Received; readonly resolve: (answer: Answer) => void }[] = [];
  let most = 0;
  let released: Answer | undefined;
  const subscriber = await openSubscriber({
    receive(request) {
      if (released !== undefined) return released;
      const { promise, resolve } = Promise.withResolvers<Answer>();
      open.push({ request, resolve });
      most = Math.max(most, open.length);
      return promise;
    },
  });
  const answer = (count: number, status: number) => {
    if (open.length < count) throw new Error(`${open.length} wait for an answer, not ${count}`);
    for (const { resolve } of open.splice(0, count)) resolve({ status });
  };
  return {
    origin: subscriber.origin,
    callback: (path) => subscriber.callback(path),
    seen: (count) => subscriber.seen(count),
    get verifications() {
      return subscriber.verifications;
    },
    get deliveries() {
      return subscriber.deliveries;
    },
    get open() {
      return open.map(({ request }) => request);
    },
    get most() {
      return most;
    },
    answer,
    release(status) {
      released = { status };
      answer(open.length, status);
    },
    [Symbol.asyncDispose]: () => subscriber[Symbol.asyncDispose](),
  };
}
