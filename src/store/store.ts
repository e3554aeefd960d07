import type { Figures } from "../model/figures.ts";
import type { AttemptStore } from "./attempt-store.ts";
import type { BehindStore } from "./behind-store.ts";
import type { BlockStore } from "./block-store.ts";
import type { FanOutStore } from "./fan-out-store.ts";
import type { GapStore } from "./gap-store.ts";
import type { HostStore } from "./host-store.ts";
import type { IntentStore } from "./intent-store.ts";
import type { PublicationStore } from "./publication-store.ts";
import type { SecretStore } from "./secret-store.ts";
import type { SubscriptionStore } from "./subscription-store.ts";
import type { TopicStore } from "./topic-store.ts";

/**
 * Everything the hub remembers. A resolved write is on disk (promise A, B). A write that could not be made
 * changes nothing and rejects with `store_unavailable`. Every implementation passes test/conformance/.
 *
 * Whether a lease runs at some time is judged by the `leaseTime` of that time: what the store was opened with, absent: the same time.
 *
 * A claim is held by a token made anew for each claim; a write whose token no longer matches does nothing
 * and says so. What a crashed process had claimed can be claimed again.
 */
export interface Store extends AsyncDisposable {
  readonly topics: TopicStore;
  readonly intents: IntentStore;
  readonly subscriptions: SubscriptionStore;
  readonly publications: PublicationStore;
  readonly fanOuts: FanOutStore;
  readonly behind: BehindStore;
  readonly hosts: HostStore;
  readonly attempts: AttemptStore;
  readonly secrets: SecretStore;
  readonly blocks: BlockStore;
  readonly gaps: GapStore;

  /**
   * How long a delivery is claimed, in milliseconds from when that was asked for. A checkpoint that keeps a chunk begins its
   * lease anew, also one with nothing to tell. What has not been settled then may be claimed by others. Infinity: nobody
   * else does while this process lives.
   */
  readonly leaseMs: number;

  /**
   * Calls `onNews` when another process has published something. At most once for each publication, sometimes for nothing, and
   * not surely: whoever needs to know asks now and then. Never where no other process can use the store.
   */
  listen(onNews: () => void): void;

  /** How much there is of what. For a look now and then: it reads whole tables, though it holds up nobody. */
  figures(): Promise<Figures>;

  /** How large the database is, in bytes, less what is free in it for rows to come. */
  measureBytes(): Promise<number>;

  /**
   * Give some of the space that rows have left back to the disk, so little that it holds up nobody. Resolves to 0 when there is
   * nothing more to give back, or when the database does so by itself.
   */
  shrink(): Promise<number>;

  /** Resolves when a row could be written just now; else rejects with `store_unavailable` and the reason. */
  assertWritable(now: Date): Promise<void>;
}
