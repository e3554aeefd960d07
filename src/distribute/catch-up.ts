import { HubError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { CatchUpClaim } from "../model/delivery.ts";
import { originOf } from "../model/origin.ts";
import type { BehindStore } from "../store/behind-store.ts";
import { persist } from "../work/persist.ts";
import type { Attempted } from "./attempt.ts";
import { isAnswered } from "./chunk-sends.ts";
import type { DeliverDeps } from "./deliver-deps.ts";
import { judgeAttempt, type Judgement } from "./judge-attempt.ts";
import type { SharedPublications } from "./shared-publications.ts";

export type CatchUpDeps = DeliverDeps & {
  readonly behind: BehindStore;
  readonly log: Log;
  readonly publications: SharedPublications;
  readonly nudgeCatchUp: () => void;
};

/**
 * One attempt for a subscription that is behind, and what follows from it. Once `stopping`, what has not started or was
 * cut short stays claimed; the next process begins by voiding that, and it counts for nothing.
 */
export async function catchUp(deps: CatchUpDeps, claim: CatchUpClaim): Promise<void> {
  const attempted = await depart(deps, claim);
  if (attempted === undefined || !isAnswered(attempted)) return;
  const judgement = judgeAttempt(claim, claim.attempts + 1, attempted, deps.clock.now(), deps.judge);
  await settleCatchUp(deps, claim, judgement);
}

/** Writes how an attempt that owns a behind row ended. A claim that is lost meanwhile changes nothing. */
export async function settleCatchUp(
  deps: Pick<CatchUpDeps, "behind" | "clock" | "cut" | "log" | "nudgeCatchUp">,
  claim: Pick<CatchUpClaim, "subscriptionId" | "seq" | "token">,
  { outcome, record }: Judgement,
): Promise<void> {
  const write = () => deps.behind.settleCatchUp(claim, outcome, record, deps.clock.now());
  const settled = await persist(deps.clock, deps.cut, write);
  if (outcome.kind === "given_up") deps.log.warn(record, "delivery given up");
  if (settled === "more") deps.nudgeCatchUp();
}

/** Waits for its turn, then loads the publication and sends. `undefined`: nothing was sent, for the hub is stopping or nobody is owed it. */
function depart(deps: CatchUpDeps, claim: CatchUpClaim): Promise<Attempted | undefined> {
  return new Promise((resolve) => {
    const stop = () => {
      if (departure.withdraw()) resolve(undefined);
    };
    const departure = deps.departures.submit(originOf(claim.callback), async () => {
      deps.stopping.removeEventListener("abort", stop);
      const sent = deps.publications.use(claim, (publication) => deps.attempt(publication, claim, claim.attempts + 1));
      resolve(sent.catch(unlessGone));
      await Promise.allSettled([sent]);
    });
    deps.stopping.addEventListener("abort", stop);
    if (deps.stopping.aborted) stop();
  });
}

/** Retention keeps what a claim is about: it is gone only if the subscription ended while the claim waited its turn. */
function unlessGone(error: unknown): undefined {
  if (error instanceof HubError && error.code === "not_found") return;
  throw error;
}
