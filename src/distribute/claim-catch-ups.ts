import type { BehindStore } from "../store/behind-store.ts";
import type { CatchUp } from "./catch-up.ts";
import type { Departures } from "./departures.ts";
import type { Hosts } from "./hosts.ts";
import type { Lease } from "./lease.ts";
import { slowestPace } from "./pace.ts";

export type ClaimCatchUpsDeps = {
  readonly behind: BehindStore;
  readonly departures: Departures;
  readonly hosts: Hosts;
  /** CARILLON_HOST_CONCURRENCY */
  readonly perOrigin: number;
  /** That of what is claimed now. */
  readonly lease: Lease;
};

/** Claimed in one write: more would hold up everything else. */
const mostProbes = 100;

/** Claims retries as far as there is room: first what probes hosts that were dead, then what is due, origin by origin. */
export async function claimCatchUps(deps: ClaimCatchUpsDeps, free: number, now: Date): Promise<readonly CatchUp[]> {
  const room = Math.min(free, deps.departures.retryRoom);
  if (room === 0) return [];
  const probes = await claimProbes(deps, room, now);
  // At once: should the store refuse what else there is to claim, these would be lost.
  if (probes.length > 0) return probes;
  const { departures, hosts, behind, lease } = deps;
  const raised = hosts.fast().map((origin) => ({ origin, limit: departures.retryPace(origin) }));
  const slowest = Math.min(slowestPace, Math.ceil(deps.perOrigin / 2));
  const claims = await behind.claimCatchUps(room, slowest, now, raised);
  return claims.map((claim) => ({ claim, lease, isProbe: false }));
}

async function claimProbes({ behind, hosts, lease }: ClaimCatchUpsDeps, room: number, now: Date): Promise<CatchUp[]> {
  const origins = hosts.probesDue(Math.min(room, mostProbes));
  if (origins.length === 0) return [];
  const claims = await behind.claimProbes(origins, now);
  return claims.flatMap((claim, i) => {
    const origin = origins[i] ?? "";
    if (claim === undefined) hosts.forget(origin);
    else hosts.beginProbe(origin);
    return claim === undefined ? [] : [{ claim, lease, isProbe: true }];
  });
}
