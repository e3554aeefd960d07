import type { Store } from "../store/store.ts";
import type { Step } from "../work/loop.ts";

const day = 86_400_000;
/** Small, so that no removal holds up the writes that somebody waits for. */
const batch = 200;
/** Longer than any attempt: one that is under way when its lease ends is settled before the subscription goes. */
const graceMs = 30_000;
const keptAttempts = 1_000_000;
/** Anybody can have requests dropped. */
const keptDropped = 100_000;

/**
 * Ends leases that are over (§5.3.1; deliveries check the lease themselves, so this is only the cleaning up), gives up what
 * has been owed for 7 days, removes what nobody is owed or asks for any more, and gives the space back, a batch of each. Nothing grows older in
 * time that the hub has not lived through.
 */
export function createUpkeep(store: Store, ageTime: (now: Date) => Date): Step {
  return async (now) => {
    const before = (days: number) => new Date(ageTime(now).getTime() - days * day);
    const removed = await Promise.all([
      store.subscriptions.endLapsed(new Date(now.getTime() - graceMs), batch),
      store.behind.giveUpOld(before(7), batch, now),
      store.behind.removeSettled(batch, now),
      store.publications.removeSettled(batch),
      store.fanOuts.removeDone(before(7), batch),
      store.attempts.trim(before(30), keptAttempts, batch),
      store.intents.removeDropped(before(1), keptDropped, batch),
      store.topics.removeIdle(batch),
      store.shrink(),
    ]);
    return removed.reduce((sum, count) => sum + count, 0);
  };
}
