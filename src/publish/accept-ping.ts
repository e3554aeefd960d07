import type { Clock } from "../clock.ts";
import type { TopicStore } from "../store/topic-store.ts";
import { parsePing } from "./parse-ping.ts";

export type AcceptPingDeps = {
  readonly topics: TopicStore;
  readonly clock: Clock;
  readonly minIntervalMs: number;
  readonly nudgeFetch: () => void;
};

/**
 * Takes a publisher's notice (§6). Once this resolves it is on disk: each topic somebody is subscribed to will be
 * fetched after this moment. Topics nobody is subscribed to cost nothing. Throws `invalid_request`, `too_large`,
 * `store_unavailable`.
 */
export async function acceptPing(deps: AcceptPingDeps, form: URLSearchParams): Promise<void> {
  const pinged = parsePing(form);
  const known = new Set(
    await ping(
      deps,
      pinged.map(({ url }) => url),
    ),
  );
  const guesses = pinged.flatMap(({ url, otherwise }) => (known.has(url) ? [] : otherwise));
  const guessed = guesses.length > 0 ? await ping(deps, [...new Set(guesses)]) : [];
  if (known.size + guessed.length > 0) deps.nudgeFetch();
}

function ping({ topics, minIntervalMs, clock }: AcceptPingDeps, urls: readonly string[]): Promise<readonly string[]> {
  return topics.ping(urls, minIntervalMs, clock.now());
}
