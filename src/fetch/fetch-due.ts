import type { Log } from "../log.ts";
import type { FetchClaim } from "../model/topic.ts";
import type { TopicStore } from "../store/topic-store.ts";
import { persist } from "../work/persist.ts";
import { decideFetch } from "./decide-fetch.ts";
import { type FetchDeps, fetchTopic } from "./fetch-topic.ts";

export type FetchDueDeps = FetchDeps & {
  readonly topics: TopicStore;
  readonly log: Log;
  readonly minIntervalMs: number;
  readonly nudgeFetch: () => void;
  readonly nudgeFanOut: () => void;
};

/**
 * Fetches a claimed topic (§6) and stores what came of it; new content becomes a publication in the same write. Cut
 * short by `signal`, it counts for nothing and the claim is given back.
 */
export async function fetchDue(deps: FetchDueDeps, claim: FetchClaim, signal: AbortSignal): Promise<void> {
  const answer = await fetchTopic(deps, claim, signal);
  if (signal.aborted) return deps.topics.release(claim);
  const outcome = decideFetch(answer, claim, deps.clock.now());
  await persist(deps.clock, signal, () =>
    deps.topics.settleFetch(claim, outcome, deps.minIntervalMs, deps.clock.now()),
  );
  deps.nudgeFetch();
  const reason = outcome.kind === "failed" ? outcome.reason : undefined;
  deps.log[reason === undefined ? "info" : "warn"]({ topic: claim.url, outcome: outcome.kind, reason }, "fetch");
  if (outcome.kind === "changed") deps.nudgeFanOut();
}
