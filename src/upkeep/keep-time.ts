import type { Log } from "../log.ts";
import type { Store } from "../store/store.ts";
import type { HubClock } from "../work/hub-clock.ts";
import type { Step } from "../work/loop.ts";

export type KeepTimeDeps = {
  readonly store: Pick<Store, "gaps" | "assertWritable">;
  readonly clock: HubClock;
  readonly log: Log;
};

const seenEveryMs = 30_000;

/** Writes down that the hub runs, every half minute, and the gaps in its time at once. */
export function createKeepTime({ store, clock, log }: KeepTimeDeps): Step {
  let seenMs = -Infinity;

  return async (now) => {
    for (let gap = clock.unsavedGaps[0]; gap !== undefined; gap = clock.unsavedGaps[0]) {
      await store.gaps.add(gap, clock.forgetBefore(now));
      clock.unsavedGaps.shift();
      log.warn({ ...gap }, "the hub was away, or the clock has jumped ahead: leases end that much later");
    }
    const nowMs = clock.monotonicMs();
    if (nowMs - seenMs < seenEveryMs) return 0;
    await store.assertWritable(now);
    seenMs = nowMs;
    return 0;
  };
}
