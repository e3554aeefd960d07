import type { Clock } from "../clock.ts";
import { failureOf } from "./failure.ts";
import type { Resolve } from "./guarded-lookup.ts";

/** The addresses of a name, and for how long that is said to hold. */
export type Found = { readonly addresses: readonly string[]; readonly ttlSeconds: number };

/** Policy: a TTL of 0 would have a fan-out ask once per connection; a long one would outlive a move. */
const shortestSeconds = 1;
const longestSeconds = 300;
/** For a name that does not resolve. */
const negativeSeconds = 5;
/** Bounds memory; the one not used for longest goes first. */
const mostNames = 10_000;

type Entry = { readonly result: Promise<readonly string[]>; untilMs: number };

/**
 * `find`, asked once at a time for a name, and not again while its answer holds. That it could not be asked, by a fault of our
 * own, holds for nobody but those who wait for it.
 */
export function createNameCache(clock: Clock, find: (name: string) => Promise<Found>): Resolve {
  const entries = new Map<string, Entry>();

  return (name) => {
    const known = entries.get(name);
    entries.delete(name);
    const entry = known !== undefined && known.untilMs > clock.monotonicMs() ? known : ask(name);
    entries.set(name, entry); // the newest are last
    if (entries.size > mostNames) entries.delete(oldest(entries));
    return entry.result;
  };

  function ask(name: string): Entry {
    const hold = (seconds: number): void => {
      entry.untilMs = clock.monotonicMs() + seconds * 1000;
    };
    const result = find(name).then(
      ({ addresses, ttlSeconds }) => {
        hold(Math.min(longestSeconds, Math.max(shortestSeconds, ttlSeconds)));
        return addresses;
      },
      (error: unknown) => {
        hold(failureOf(error).reason === "unresolved" ? negativeSeconds : 0);
        throw error;
      },
    );
    const entry: Entry = { result, untilMs: Infinity };
    return entry;
  }
}

function oldest(entries: ReadonlyMap<string, Entry>): string {
  const [name = ""] = entries.keys();
  return name;
}
