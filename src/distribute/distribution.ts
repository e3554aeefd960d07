import type { Log } from "../log.ts";
import type { Publication } from "../model/publication.ts";
import type { Store } from "../store/store.ts";
import { ByteBudget } from "../work/byte-budget.ts";
import type { Step } from "../work/loop.ts";
import { Moments } from "../work/moments.ts";
import { persist } from "../work/persist.ts";
import { Pool } from "../work/pool.ts";
import { type AttemptDeps, attemptDelivery } from "./attempt.ts";
import { type CatchUp, catchUp, releaseCatchUp, settleCatchUp } from "./catch-up.ts";
import { claimCatchUps } from "./claim-catch-ups.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import { Departures } from "./departures.ts";
import { HostNews } from "./host-news.ts";
import { Hosts, type KnownHosts } from "./hosts.ts";
import type { JudgePolicy } from "./judge-attempt.ts";
import { Lease } from "./lease.ts";
import { type ChunkDeps, type LeasedChunk, runChunk } from "./run-chunk.ts";
import { NoRoom, SharedPublications } from "./shared-publications.ts";
import { createTendHosts } from "./tend-hosts.ts";

/** Bounds what a crash repeats: what finished since the last checkpoint, and what was in flight. */
const checkpointMs = 50;
/** For all bodies over 64 KiB that are being delivered. Each stands in memory once more for every thread that delivers it. */
const mostDeliveredBytes = { medium: 8 * 1024 * 1024, large: 16 * 1024 * 1024 };

export type DistributionDeps = AttemptDeps &
  Pick<DeliverDeps, "stopping" | "cut"> & {
    readonly store: Pick<Store, "fanOuts" | "behind" | "publications" | "hosts" | "leaseMs">;
    /** Most first attempts in flight; retries have half as many places beside them. */
    readonly total: number;
    readonly perOrigin: number;
    readonly known: KnownHosts;
    readonly judge: JudgePolicy;
    readonly log: Log;
    readonly nudge: Readonly<Record<"fanOut" | "catchUp" | "hosts", () => void>>;
    readonly onError: (error: unknown) => void;
  };

/** The workers of §7: first deliveries by chunk, attempts for whoever is behind, and what hosts being up or down changes. */
export type Distribution = {
  readonly fanOut: Pool<ClaimedChunk>;
  readonly catchUp: Pool<CatchUp>;
  readonly tendHosts: Step;
};

/** `arrive`: it is about to submit its sends. */
type ClaimedChunk = LeasedChunk & { readonly arrive: () => void };

export function createDistribution(deps: DistributionDeps): Distribution {
  const { store, perOrigin, nudge, onError } = deps;
  const lanes = { first: deps.total, retry: Math.ceil(deps.total / 2) };
  const news = new HostNews(nudge.hosts);
  const hosts = new Hosts(deps.clock, perOrigin, deps.known, news);
  const departures: Departures = new Departures({ lanes, perOrigin }, hosts, () => refill());
  const checkpoints = new Moments(deps.clock, checkpointMs);
  /** More is asked for at once, or, while plenty waits, together with a checkpoint: one flush to disk serves both. */
  const refill = () => {
    if (departures.isSaturated) checkpoints.next(nudge.fanOut);
    else nudge.fanOut();
  };
  const publications = new SharedPublications({
    load: (key) => persist(deps.clock, deps.cut, () => store.publications.load(key)),
    bodyBytes: (key) => persist(deps.clock, deps.cut, () => store.publications.bodyBytes(key)),
    budget: new ByteBudget(deps.clock, mostDeliveredBytes),
  });
  const attempt: DeliverDeps["attempt"] = (publication, recipient, number) =>
    publications.keep(publication, attemptDelivery(deps, publication, recipient, number));
  const shared = { ...deps, departures, hosts, attempt, nudgeCatchUp: nudge.catchUp };
  const catchUpDeps = { ...shared, behind: store.behind, publications };
  const claimDeps = { behind: store.behind, departures, hosts, perOrigin };
  const lease = () => new Lease(deps.clock, store.leaseMs);

  const catchUps: Pool<CatchUp> = new Pool({
    limit: lanes.retry,
    claim: (free, now) => claimCatchUps({ ...claimDeps, lease: lease() }, free, now),
    handle: (claimed) => catchUp(catchUpDeps, claimed),
    onRoom: nudge.catchUp,
    onError,
  });
  const chunkDeps: ChunkDeps = {
    ...shared,
    fanOuts: store.fanOuts,
    checkpoints,
    adopt: (settling) => {
      catchUps.track(settling.finally(nudge.catchUp));
    },
    settleDetached: (claim, judgement) =>
      judgement === undefined ? releaseCatchUp(catchUpDeps, claim) : settleCatchUp(catchUpDeps, claim, judgement),
  };
  const fanOut: Pool<ClaimedChunk> = new Pool({
    // As many as there can be sends, for a chunk may be one that hangs: how much is sent at a time is the gate's concern.
    limit: lanes.first,
    claim: (_free, now) => claimChunk(deps, departures, publications, lease, now),
    handle: (claimed) => deliverChunk(chunkDeps, publications, claimed),
    onRoom: refill,
    onError,
  });
  const tendHosts = createTendHosts({ hosts, news, store, nudgeCatchUp: nudge.catchUp });
  return { fanOut, catchUp: catchUps, tendHosts };
}

/**
 * Pages of which everybody is behind make no chunk; they are passed over here. Until a chunk's publication has been read, the
 * gate is told of its sends: or ever more chunks would be claimed meanwhile.
 */
async function claimChunk(
  { store, stopping }: DistributionDeps,
  departures: Departures,
  publications: SharedPublications,
  begin: () => Lease,
  now: Date,
): Promise<readonly ClaimedChunk[]> {
  while (!stopping.aborted && !departures.isFull) {
    const lease = begin();
    const claimed = await store.fanOuts.claimChunk(now, [...departures.crowded, ...publications.waiting]);
    if (claimed.kind === "chunk") {
      const { chunk } = claimed;
      return [{ chunk, lease, arrive: departures.announce(chunk.topicId, chunk.recipients.length) }];
    }
    if (claimed.kind === "idle") break;
  }
  return [];
}

/** What there is no room for is given back: whoever claims it next, as a rule ourselves, goes on with it. */
async function deliverChunk(
  deps: ChunkDeps,
  publications: SharedPublications,
  { arrive, ...leased }: ClaimedChunk,
): Promise<void> {
  const run = (publication: Publication) => {
    arrive();
    return runChunk(deps, leased, publication);
  };
  try {
    await publications.use(leased.chunk, run, arrive);
  } catch (error) {
    if (!(error instanceof NoRoom)) throw error;
    await persist(deps.clock, deps.cut, () => deps.fanOuts.release(leased.chunk));
  } finally {
    arrive();
  }
}
