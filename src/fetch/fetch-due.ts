import type { Log } from "../log.ts";
import { hostOf } from "../model/origin.ts";
import type { FetchClaim } from "../model/topic.ts";
import type { TopicStore } from "../store/topic-store.ts";
import type { ByteBudget } from "../work/byte-budget.ts";
import { freeLargeBody } from "../work/large-body.ts";
import { persist } from "../work/persist.ts";
import { decideFetch } from "./decide-fetch.ts";
import { type FetchDeps, fetchTopic } from "./fetch-topic.ts";

export type FetchDueDeps = FetchDeps & {
  readonly topics: TopicStore;
  /** For the bodies of all fetches together, from the wire to the disk. */
  readonly budget: ByteBudget;
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
  using share = deps.budget.open(hostOf(claim.url));
  const answer = await fetchTopic(deps, { ...claim, share }, signal);
  if (signal.aborted) return await deps.topics.release(claim);
  const outcome = decideFetch(answer, claim, deps.clock.now());
  await persist(deps.clock, signal, () =>
    deps.topics.settleFetch(claim, outcome, deps.minIntervalMs, deps.clock.now()),
  );
  if (answer.kind === "content") freeLargeBody(answer.content.body);
  deps.nudgeFetch();
  const reason = outcome.kind === "failed" ? outcome.reason : undefined;
  deps.log[reason === undefined ? "info" : "warn"]({ topic: claim.url, outcome: outcome.kind, reason }, "fetch");
  if (outcome.kind === "changed") deps.nudgeFanOut();
}
