import type { Clock } from "../clock.ts";
import type { Post } from "../distribute/post.ts";
import type { Store } from "../store/store.ts";
import type { Counts } from "./counts.ts";

/** The store as it is, but what is settled there is counted: a fate that was written down has come about. */
export function countSettled(store: Store, counts: Counts): Store {
  const { intents, topics } = store;
  return {
    ...store,
    intents: {
      ...intents,
      async settleIntent(claim, decision, ...rest) {
        const settled = await intents.settleIntent(claim, decision, ...rest);
        if (settled === "settled") counts.add("verifications", `${claim.mode} ${decision.next}`);
        return settled;
      },
    },
    topics: {
      ...topics,
      async settleFetch(claim, outcome, minIntervalMs, now) {
        const isKept = await topics.settleFetch(claim, outcome, minIntervalMs, now);
        if (isKept) counts.add("fetches", outcome.kind);
        return isKept;
      },
    },
  };
}

/** Counts attempts when they are answered, whatever is made of that. */
export function countAttempts(post: Post, clock: Clock, counts: Counts): Post {
  return async (...args) => {
    const startedMs = clock.monotonicMs();
    const answer = await post(...args);
    counts.addDuration(clock.monotonicMs() - startedMs);
    counts.add("attempts", answer.kind === "answered" ? `${Math.floor(answer.status / 100)}xx` : answer.reason);
    return answer;
  };
}
