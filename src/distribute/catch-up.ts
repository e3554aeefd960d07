import type { Clock } from "../clock.ts";
import { HubError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { CatchUpClaim } from "../model/delivery.ts";
import { originOf } from "../model/origin.ts";
import type { Publication } from "../model/publication.ts";
import type { BehindStore } from "../store/behind-store.ts";
import { persist } from "../work/persist.ts";
import type { Attempted } from "./attempt.ts";
import { isAnswered } from "./chunk-sends.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import { readSign } from "./host-sign.ts";
import type { Lease } from "./lease.ts";
import { judgeAttempt, type Judgement } from "./judge-attempt.ts";
import { NoRoom, type SharedPublications } from "./shared-publications.ts";

export type CatchUpDeps = DeliverDeps & {
  readonly behind: BehindStore;
  readonly log: Log;
  readonly publications: SharedPublications;
  readonly nudgeCatchUp: () => void;
};

/** The right to settle a subscription's behind row. */
export type OwnedClaim = Pick<CatchUpClaim, "subscriptionId" | "seq" | "token"> & { readonly origin: string };

/** A claim, how long it is ours, and whether it is made to learn if its host is back. */
export type CatchUp = { readonly claim: CatchUpClaim; readonly lease: Lease; readonly isProbe: boolean };

/**
 * One attempt for a subscription that is behind, and what follows from it. What was not sent, or
 * was cut short, counts for nothing, and its claim is given back.
 */
export async function catchUp(deps: CatchUpDeps, { claim, lease, isProbe }: CatchUp): Promise<void> {
  const origin = originOf(claim.callback);
  const attempted = await depart(deps, claim, lease, { origin, isProbe });
  if (attempted === undefined || !isAnswered(attempted)) {
    return releaseCatchUp(deps, claim);
  }
  const judgement = judgeAttempt({ ...claim, isProbe }, attempted, deps.clock.now(), deps.judge);
  await settleCatchUp(deps, { ...claim, origin }, judgement);
}

/** Gives a claim back: no attempt was made, or none that counts. */
export function releaseCatchUp(
  { behind, clock, cut }: Pick<CatchUpDeps, "behind" | "clock" | "cut">,
  claim: Pick<OwnedClaim, "subscriptionId" | "seq" | "token">,
): Promise<void> {
  return persist(clock, cut, () => behind.release(claim));
}

/** Writes how an attempt that owns a behind row ended. A claim that is lost meanwhile changes nothing. */
export async function settleCatchUp(
  deps: Pick<CatchUpDeps, "behind" | "clock" | "cut" | "hosts" | "log" | "nudgeCatchUp">,
  claim: OwnedClaim,
  { outcome, record }: Judgement,
): Promise<void> {
  const write = () => deps.behind.settleCatchUp(claim, outcome, record, deps.clock.now());
  const settled = await persist(deps.clock, deps.cut, write);
  if (outcome.kind === "given_up") deps.log.warn(record, "delivery given up");
  if (outcome.kind !== "delivered" && outcome.hastenedBy === "success") deps.hosts.trouble(claim.origin);
  if (settled === "more") deps.nudgeCatchUp();
}

/**
 * Waits for its turn, then loads the publication and sends. `undefined`: nothing was sent, for the hub is stopping, the
 * host's breaker is open, the turn has come too late, or nobody is owed it.
 */
function depart(
  deps: CatchUpDeps,
  claim: CatchUpClaim,
  lease: Lease,
  where: { readonly origin: string; readonly isProbe: boolean },
): Promise<Attempted | undefined> {
  return new Promise((resolve) => {
    const stop = () => {
      if (departure.withdraw()) resolve(undefined);
    };
    deps.stopping.addEventListener("abort", stop);
    const start = async () => {
      deps.stopping.removeEventListener("abort", stop);
      // To load takes as long as the store does, and as there is no room in memory: whether the lease covers it is asked in the turn that sends.
      const send = async (publication: Publication) =>
        lease.covers ? deps.attempt(publication, claim, claim.attempts + 1) : undefined;
      const sent = deps.publications.use(claim, send).catch((error: unknown) => unlessLoaded(error, deps.clock));
      resolve(sent);
      const [settled] = await Promise.allSettled([sent]);
      return readSign(settled.status === "fulfilled" ? settled.value?.answer : undefined);
    };
    const turnAway = () => {
      deps.stopping.removeEventListener("abort", stop);
      resolve(undefined);
    };
    const departure = deps.departures.submit({ ...where, lane: "retry", topicId: claim.topicId, start, turnAway });
    if (deps.stopping.aborted) stop();
  });
}

/** Retention keeps what a claim is about: it is gone only if the subscription ended while the claim waited its turn. */
function unlessLoaded(error: unknown, clock: Clock): Attempted | undefined {
  if (error instanceof NoRoom) {
    return { answer: { kind: "hindered", reason: `exhausted: ${error.message}` }, at: clock.now(), durationMs: 0 };
  }
  if (error instanceof HubError && error.code === "not_found") return undefined;
  throw error;
}
