import type { Block, Blockable, BlockKind, NewBlock } from "../model/block.ts";

/** What the operator does not serve any more. */
export interface BlockStore {
  /** All of them, oldest first. */
  list(): Promise<readonly Block[]>;

  /** Once for each kind and value: what is blocked already gets the new reason. */
  add(block: NewBlock, now: Date): Promise<void>;

  /** Resolves to false if there is none. Subscriptions that it has ended stay so. */
  remove(kind: BlockKind, value: string): Promise<boolean>;

  /** Write down that no subscription is left that these match. */
  setSwept(ids: readonly number[]): Promise<void>;

  /**
   * Look at the next subscriptions by id, `limit` at most, end those that `reasonFor` gives a reason for, and have their callbacks told
   * that they are denied (§5.2), in one transaction. No host is told of more than `noticesPerMinute` in a minute, and nobody's caps
   * know of these notices. `lastId`: the last that was looked at; absent after the last of all.
   */
  endBlocked(
    afterId: number,
    limit: number,
    reasonFor: (subscription: Blockable) => string | undefined,
    now: Date,
    noticesPerMinute: number,
  ): Promise<{ readonly lastId: number | undefined; readonly ended: number }>;
}

/** The blocks of a store that others may be using. */
export type BlocksBeside = AsyncDisposable & { readonly blocks: Pick<BlockStore, "list" | "add" | "remove"> };
