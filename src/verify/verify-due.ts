import type { IntentClaim, IntentDecision } from "../model/intent.ts";
import type { IntentStore } from "../store/intent-store.ts";
import { type Log, tellCallback } from "../log.ts";
import { persist } from "../work/persist.ts";
import { type VerifyDeps, verifyIntent } from "./verify-intent.ts";

export type VerifyDueDeps = VerifyDeps & {
  readonly intents: IntentStore;
  readonly log: Log;
  /** How many one callback host may have. */
  readonly subscriptionsPerHost: number;
  /** The pair's next intent, or a denial's notice, is due. */
  readonly nudgeVerification: () => void;
};

/** One try at a claimed intent, and what it has led to, stored. Cut short by `signal`, the claim is given back. */
export async function verifyDue(deps: VerifyDueDeps, intent: IntentClaim, signal: AbortSignal): Promise<void> {
  const decision = await verifyIntent(deps, intent, signal);
  if (decision === undefined) return deps.intents.release(intent);
  const isFull = (await settle(deps, intent, decision, signal)) === "full";
  const instead: IntentDecision = { next: "deny", reason: "this hub takes no more subscriptions for this host" };
  if (isFull) await settle(deps, intent, instead, signal);
  deps.nudgeVerification();
  tell(deps.log, intent, isFull ? instead : decision);
}

function settle(
  { intents, clock, subscriptionsPerHost }: VerifyDueDeps,
  intent: IntentClaim,
  decision: IntentDecision,
  signal: AbortSignal,
) {
  return persist(clock, signal, () => intents.settleIntent(intent, decision, clock.now(), subscriptionsPerHost));
}

function tell(log: Log, { mode, topic, callback }: IntentClaim, decision: IntentDecision): void {
  const reason = "reason" in decision ? decision.reason : undefined;
  log.info({ mode, topic, origin: tellCallback(callback), next: decision.next, reason }, "verification");
}
