import { threadCpuUsage } from "node:process";

import type * as fc from "fast-check";

/** Something that reads what strangers send, and what must hold whatever they do. */
export type Target = {
  readonly name: string;
  /** Disposing closes what the property needs. */
  readonly open: () => Promise<Opened>;
};

export type Opened = AsyncDisposable & { readonly property: Property };

type Property = fc.IRawProperty<unknown>;

/** A target that needs nothing. */
export function pure<T>(name: string, property: fc.IRawProperty<T>): Target {
  // What it is about is the property's own concern.
  const opened = { property: property as Property, [Symbol.asyncDispose]: async () => {} };
  return { name, open: async () => opened };
}

/** What nothing hostile may take of the event loop at a time. */
const mostMs = 50;

/** The result of `work`. Throws if it takes more than 50 ms of this thread's CPU time, three times in a row. */
export function inTime<T>(work: () => T): T {
  for (let tries = 1; ; tries += 1) {
    const start = threadCpuUsage();
    const result = work();
    const { user, system } = threadCpuUsage(start);
    if (user + system < mostMs * 1000) return result;
    if (tries === 3) throw new Error(`it took ${(user + system) / 1000} ms`);
  }
}
