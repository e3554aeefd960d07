import type { Settings } from "./bench-hub.ts";
import { type BuiltHub, startBuiltHub } from "./built-hub.ts";
import { nowMs } from "./now-ms.ts";
import type { BenchPostgres, ServerUse } from "./postgres.ts";

/** Several built hubs on one database. */
export type BuiltHubs = AsyncDisposable & {
  /** Who is pinged. */
  readonly first: BuiltHub;
  /** What they, and the server, have used so far. */
  use(): Promise<NodesUse>;
};

export type NodesUse = ServerUse & { readonly atMs: number; readonly hubsMs: number };

export async function startBuiltHubs(
  postgres: BenchPostgres,
  url: string,
  count: number,
  settings: Settings,
): Promise<BuiltHubs> {
  await using stack = new AsyncDisposableStack();
  // One after the other: the second finds the schema as it should be.
  const hubs: BuiltHub[] = [];
  while (hubs.length < count) hubs.push(stack.use(await startBuiltHub(url, settings)));
  const [first] = hubs;
  if (first === undefined) throw new Error("one hub at least");
  const all = stack.move();
  return {
    first,
    async use() {
      const each = await Promise.all(hubs.map((hub) => hub.cpuMs()));
      return { ...(await postgres.use()), atMs: nowMs(), hubsMs: each.reduce((sum, ms) => sum + ms, 0) };
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** What was used between two readings. */
export function useBetween(before: NodesUse, after: NodesUse): NodesUse {
  return {
    atMs: after.atMs - before.atMs,
    hubsMs: after.hubsMs - before.hubsMs,
    cpuMs: after.cpuMs - before.cpuMs,
    logBytes: after.logBytes - before.logBytes,
    flushes: after.flushes - before.flushes,
  };
}
