import { HubError } from "./errors.ts";
import type { Store } from "./store/store.ts";
import type { Step } from "./work/loop.ts";

/** Whether the hub has room for more of what strangers send. */
export type Room = {
  /** Looks how much there is; to be done now and then. */
  readonly measure: Step;
  /** Throws `busy` while the database is as large as it may be. What was accepted goes on: the disk is not full yet. */
  readonly assertSpace: () => void;
  /** Has one more request wait to be verified. Throws `busy` while that are too many, whoever sent them, and what `accept` throws. */
  readonly admit: (accept: () => Promise<void>) => Promise<void>;
};

export type RoomLimits = {
  /** Of the database. Absent: any number. */
  readonly maxBytes: number | undefined;
  readonly mostPending: number;
};

/** Each node measures for itself, and counts what it takes in meanwhile. */
export function createRoom(store: Store, { maxBytes, mostPending }: RoomLimits): Room {
  let isFull = false;
  let pending = 0;

  return {
    async measure() {
      pending = await store.intents.countPending();
      if (maxBytes !== undefined) isFull = (await store.measureBytes()) >= maxBytes;
      return 0;
    },
    assertSpace() {
      if (isFull) throw new HubError("busy", "the hub stores no more just now; try again later");
    },
    async admit(accept) {
      if (pending >= mostPending)
        throw new HubError("busy", `${mostPending} requests wait to be verified, and no more may; try again later`);
      await accept();
      pending += 1;
    },
  };
}
