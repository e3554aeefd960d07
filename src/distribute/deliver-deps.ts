import type { Clock } from "../clock.ts";
import type { Publication } from "../model/publication.ts";
import type { Recipient } from "../model/subscription.ts";
import type { Attempted } from "./attempt.ts";
import type { Departures } from "./departures.ts";
import type { Hosts } from "./hosts.ts";
import type { JudgePolicy } from "./judge-attempt.ts";

/** What first deliveries and catch-up share. */
export type DeliverDeps = {
  readonly clock: Clock;
  readonly departures: Departures;
  readonly hosts: Hosts;
  /** One POST; never rejects. */
  readonly attempt: (publication: Publication, recipient: Recipient, attempt: number) => Promise<Attempted>;
  readonly judge: JudgePolicy;
  /** No new work from now on; what is in flight may finish. */
  readonly stopping: AbortSignal;
  /** What is in flight is cut short too. */
  readonly cut: AbortSignal;
};
