/**
 * `callback-host`: all callbacks at a host. `callback`: one of them. `client`: all that an address or a network asks for.
 * `topic`: one topic. `publisher`: all topics at a host.
 */
export const blockKinds = ["callback-host", "callback", "client", "topic", "publisher"] as const;

export type BlockKind = (typeof blockKinds)[number];

/** What the operator does not serve any more. `value` is spelled as `readBlockValue` does. */
export type NewBlock = { readonly kind: BlockKind; readonly value: string; readonly reason: string };

export type Block = NewBlock & {
  readonly id: number;
  readonly createdAt: Date;
  /** No subscription is left that it matches. */
  readonly isSwept: boolean;
};

/** What a block is held against: a request, an intent or a subscription. */
export type Blockable = {
  readonly topic: string;
  readonly callback: string;
  /** Absent where it is not known. */
  readonly client: string | undefined;
};
