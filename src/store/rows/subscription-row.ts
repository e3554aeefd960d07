import type { SignatureMethod } from "../../model/signature-method.ts";
import type { Subscription } from "../../model/subscription.ts";

export type SubscriptionRow = {
  readonly id: number;
  readonly topic: string;
  readonly callback: string;
  readonly secret: string | null;
  readonly signature_method: SignatureMethod | null;
  readonly verified_at: number;
  readonly expires_at: number;
  readonly first_seq: number;
};

export function toSubscription(row: SubscriptionRow): Subscription {
  return {
    id: row.id,
    topic: row.topic,
    callback: row.callback,
    secret: row.secret ?? undefined,
    signatureMethod: row.signature_method ?? undefined,
    verifiedAt: new Date(row.verified_at),
    expiresAt: new Date(row.expires_at),
    firstSeq: row.first_seq,
  };
}
