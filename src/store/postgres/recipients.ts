import type { Recipient } from "../../model/subscription.ts";
import { type RecipientRow, toRecipient } from "../rows/recipient-row.ts";
import { fromBytes } from "./text-columns.ts";

/** A recipient as its columns have it. */
export type StoredRecipient = Omit<RecipientRow, "secret"> & { readonly secret: Buffer | null };

export function readRecipient(row: StoredRecipient): Recipient {
  return toRecipient({ ...row, secret: fromBytes(row.secret) });
}
