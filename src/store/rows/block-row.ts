import type { Block, BlockKind } from "../../model/block.ts";
import type { NewIntent } from "../../model/intent.ts";
import { hubItself } from "./quota.ts";

export type BlockRow = {
  readonly id: number;
  readonly kind: BlockKind;
  readonly value: string;
  readonly reason: string;
  readonly created_at: number;
  readonly swept: number | boolean;
};

export function toBlock({ id, kind, value, reason, created_at, swept }: BlockRow): Block {
  return { id, kind, value, reason, createdAt: new Date(created_at), isSwept: Boolean(swept) };
}

/** A subscription as blocks look at it. */
export type BlockableRow = {
  readonly id: number;
  readonly topic: string;
  readonly callback: string;
  readonly client: string | null;
};

/** What tells a subscription's callback that it has ended. */
export function toNotice({ topic, callback }: Pick<BlockableRow, "topic" | "callback">, denial: string): NewIntent {
  return {
    mode: "subscribe",
    topic,
    topicAsAsked: topic,
    callback,
    secret: undefined,
    leaseSeconds: 0,
    verifyToken: undefined,
    signatureMethod: undefined,
    client: hubItself,
    denial,
  };
}
