import { HubError } from "../errors.ts";
import type { IntentCap } from "../model/intent.ts";

/** Until then some of what waits has been verified, or given up. */
const untilVerifiedSeconds = 60;
/** Subscriptions end seldom. */
const untilEndedSeconds = 3600;

/** What is said to a request that one of the caps keeps out, which is at `most`. */
export function refusalOf(cap: IntentCap, most: number, host: string, client: string): HubError {
  const retryAfterSeconds = cap === "subscriptions" ? untilEndedSeconds : untilVerifiedSeconds;
  return new HubError("too_many_requests", explain(cap, most, host, client), { retryAfterSeconds });
}

function explain(cap: IntentCap, most: number, host: string, client: string): string {
  switch (cap) {
    case "client":
      return `requests of ${client} that wait to be verified: there are ${most}, and no more may wait`;
    case "pair":
      return `requests of ${client} with this hub.topic and hub.callback that wait to be verified: there are ${most}, and no more may wait`;
    case "host":
      return `requests with a hub.callback at ${host} that wait to be verified: there are ${most}, and no more may wait`;
    case "subscriptions":
      return `subscriptions with a hub.callback at ${host}: there are ${most}, and no more are taken`;
  }
}
