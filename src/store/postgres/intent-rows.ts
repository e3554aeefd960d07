import { createHash } from "node:crypto";

import type { NewIntent } from "../../model/intent.ts";
import type { IntentRow } from "../rows/intent-row.ts";
import { fromBytes } from "./text-columns.ts";

/** An intent as its columns have it. */
export type StoredIntent = Omit<IntentRow, "secret" | "verify_token"> & {
  readonly pair: Buffer;
  readonly secret: Buffer | null;
  readonly verify_token: Buffer | null;
};

export function toIntentRow(row: StoredIntent): IntentRow {
  return { ...row, secret: fromBytes(row.secret), verify_token: fromBytes(row.verify_token) };
}

/** What indexes know a (topic, callback) by: together the two are too long for one. */
export function pairOf({ topic, callback }: Pick<NewIntent, "topic" | "callback">): Buffer {
  return createHash("sha256")
    .update(JSON.stringify([topic, callback]))
    .digest();
}
