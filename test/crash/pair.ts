import type { Terms } from "./schedule.ts";

export type Topic = {
  readonly path: string;
  readonly url: string;
  /** Served by now. */
  version: number;
  /** A ping for it, or for a later one, was answered 204. */
  promised: number;
};

/** What acknowledged facts demand of a subscription. `either`: a request about it is open, or was never answered. */
export type Demand = "alive" | "silent" | "either";

/** A topic and a callback: what was asked for, what was answered, what came. */
export type Pair = {
  readonly topic: Topic;
  readonly callback: string;
  /** What the callback says when it is asked. */
  readonly confirms: boolean;
  /** The topic names another hub. */
  readonly isStranger: boolean;
  demand: Demand;
  /** Those it may have now. */
  terms: readonly Terms[];
  /** When it was asked whether it wants the lease, by `Date.now()`. */
  readonly challenges: { readonly leaseSeconds: number; readonly atMs: number }[];
  denials: number;
  /** POSTs that are open. */
  open: number;
  newest: number;
  readonly webhookIds: Map<number, string>;
  /** When a version was taken, by `performance.now()`. */
  readonly taken: Map<number, number>;
};

export function openPair(given: Pick<Pair, "topic" | "callback" | "confirms" | "isStranger">): Pair {
  return {
    ...given,
    demand: "silent",
    terms: [],
    challenges: [],
    denials: 0,
    open: 0,
    newest: 0,
    webhookIds: new Map(),
    taken: new Map(),
  };
}

/** What is served at a topic: some kilobytes that no other version has. */
export function bodyOf({ path }: Topic, version: number): string {
  return `version ${version}\n`.padEnd(4000 + (version % 7) * 500, `${path} ${version} `);
}
