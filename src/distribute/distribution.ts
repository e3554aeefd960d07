import type { Log } from "../log.ts";
import type { CatchUpClaim, ChunkClaim } from "../model/delivery.ts";
import type { Publication } from "../model/publication.ts";
import type { Recipient } from "../model/subscription.ts";
import type { Store } from "../store/store.ts";
import { persist } from "../work/persist.ts";
import { Pool } from "../work/pool.ts";
import { type AttemptDeps, attemptDelivery, type Attempted } from "./attempt.ts";
import { catchUp, settleCatchUp } from "./catch-up.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import { Departures, type DepartureLimits } from "./departures.ts";
import type { JudgePolicy } from "./judge-attempt.ts";
import { type ChunkDeps, runChunk } from "./run-chunk.ts";
import { SharedPublications } from "./shared-publications.ts";

export type DistributionDeps = AttemptDeps &
  Pick<DeliverDeps, "stopping" | "cut"> & {
    readonly store: Pick<Store, "fanOuts" | "behind" | "publications">;
    readonly limits: DepartureLimits;
    readonly judge: JudgePolicy;
    readonly log: Log;
    readonly nudgeFanOut: () => void;
    readonly nudgeCatchUp: () => void;
    readonly onError: (error: unknown) => void;
  };

/** The two workers of §7: first deliveries by chunk, and attempts for whoever is behind. */
export type Distribution = {
  readonly fanOut: Pool<ChunkClaim>;
  readonly catchUp: Pool<CatchUpClaim>;
};

export function createDistribution(deps: DistributionDeps): Distribution {
  const { store, limits, onError } = deps;
  const departures = new Departures(limits, deps.nudgeFanOut);
  const publications = new SharedPublications((key) =>
    persist(deps.clock, deps.cut, () => store.publications.load(key)),
  );
  const shared = { ...deps, departures, attempt: createAttempt(deps) };
  const catchUpDeps = { ...shared, behind: store.behind, publications };

  const catchUps: Pool<CatchUpClaim> = new Pool({
    limit: Math.ceil(limits.total / 2),
    claim: (free, now) => store.behind.claimCatchUps(free, limits.perOrigin, now),
    handle: (claim) => catchUp(catchUpDeps, claim),
    onRoom: deps.nudgeCatchUp,
    onError,
  });
  const chunkDeps: ChunkDeps = {
    ...shared,
    fanOuts: store.fanOuts,
    adopt: (settling) => {
      catchUps.track(settling);
    },
    settleDetached: (claim, judgement) => settleCatchUp(catchUpDeps, claim, judgement),
  };
  const fanOut: Pool<ChunkClaim> = new Pool({
    // As many as there can be sends, for a chunk may be one that hangs: how much is sent at a time is the gate's concern.
    limit: limits.total,
    claim: (_free, now) => (departures.isLow ? claimChunk(deps, now) : Promise.resolve([])),
    handle: (chunk) => publications.use(chunk, (publication) => runChunk(chunkDeps, chunk, publication)),
    onRoom: deps.nudgeFanOut,
    onError,
  });
  return { fanOut, catchUp: catchUps };
}

/** Pages of which everybody is behind make no chunk; they are passed over here. */
async function claimChunk({ store, stopping }: DistributionDeps, now: Date): Promise<readonly ChunkClaim[]> {
  while (!stopping.aborted) {
    const claimed = await store.fanOuts.claimChunk(now);
    if (claimed.kind === "chunk") return [claimed.chunk];
    if (claimed.kind === "idle") break;
  }
  return [];
}

/** A fault of our own in one delivery is told and counts as a failure: it must not take the others with it. */
function createAttempt(deps: DistributionDeps) {
  return async (publication: Publication, recipient: Recipient, attempt: number): Promise<Attempted> => {
    try {
      return await attemptDelivery(deps, publication, recipient, attempt);
    } catch (error) {
      deps.onError(error);
      return { answer: { kind: "failed", reason: "internal error" }, at: deps.clock.now(), durationMs: 0 };
    }
  };
}
