import type { Clock } from "./clock.ts";
import type { Config } from "./config.ts";
import type { Log } from "./log.ts";
import { HubClock } from "./work/hub-clock.ts";

/** The hub's time (decision 0018), by the machine's clock. It is to `resume` from what the store remembers. */
export function createHubClock(base: Clock, { leaseMaxSeconds }: Pick<Config, "leaseMaxSeconds">, log: Log): HubClock {
  return new HubClock(base, {
    madeUpForMs: leaseMaxSeconds * 1000,
    onSetBack: (ms) => {
      log.warn(
        { aheadMs: Math.round(ms) },
        "the clock was set back: the hub goes on, more slowly until it is caught up",
      );
    },
  });
}
