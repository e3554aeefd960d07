import { type Answer, openPeer, type Received } from "./peer.ts";

export type Publisher = AsyncDisposable & {
  readonly origin: string;
  /** The URL of a topic at this publisher. */
  topic(path: string): string;
  /** Serves `answer` at a path from now on. */
  serve(path: string, answer: Answer | (() => Answer | "hang" | Promise<Answer | "hang">)): void;
  /** Fetches received, in order. */
  readonly fetches: readonly Received[];
  seen(count: number): Promise<void>;
};

/** A publisher on loopback: what it serves can be changed at any time; what it does not serve is 404. */
export async function openPublisher(): Promise<Publisher> {
  const served = new Map<string, Parameters<Publisher["serve"]>[1]>();
  const peer = await openPeer((request) => {
    const answer = served.get(request.target) ?? { status: 404, body: "no such topic" };
    return typeof answer === "function" ? answer() : answer;
  });
  return {
    origin: peer.origin,
    topic: (path) => `${peer.origin}${path}`,
    serve: (path, answer) => {
      served.set(path, answer);
    },
    fetches: peer.received,
    seen: (count) => peer.seen(count),
    [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose](),
  };
}
