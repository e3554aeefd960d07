import type { SignatureMethod } from "../../model/signature-method.ts";
import type { Recipient } from "../../model/subscription.ts";

export type RecipientRow = {
  readonly id: number;
  readonly callback: string;
  readonly secret: string | null;
  readonly signature_method: SignatureMethod | null;
  readonly generation: number;
};

export function toRecipient(row: RecipientRow): Recipient {
  return {
    subscriptionId: row.id,
    callback: row.callback,
    secret: row.secret ?? undefined,
    signatureMethod: row.signature_method ?? undefined,
    generation: row.generation,
  };
}
