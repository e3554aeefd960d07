import type { IntentClaim, Mode, NewIntent } from "../../model/intent.ts";
import type { IsSameSecret } from "../../model/secret.ts";
import type { SignatureMethod } from "../../model/signature-method.ts";

export type IntentRow = {
  readonly id: number;
  readonly mode: Mode;
  readonly topic: string;
  readonly topic_as_asked: string;
  readonly callback: string;
  readonly secret: string | null;
  readonly lease_seconds: number;
  readonly verify_token: string | null;
  readonly signature_method: SignatureMethod | null;
  readonly client: string;
  readonly start_at: number;
  readonly attempts: number;
  readonly owner: string | null;
  readonly denial: string | null;
};

export function toIntentClaim(row: IntentRow, token: string): IntentClaim {
  return {
    id: row.id,
    token,
    mode: row.mode,
    topic: row.topic,
    topicAsAsked: row.topic_as_asked,
    callback: row.callback,
    secret: row.secret ?? undefined,
    leaseSeconds: row.lease_seconds,
    verifyToken: row.verify_token ?? undefined,
    signatureMethod: row.signature_method ?? undefined,
    client: row.client,
    startAt: new Date(row.start_at),
    attempts: row.attempts,
    denial: row.denial ?? undefined,
  };
}

/** Repeating a request while the first is under way is not the same: its callback may have changed its mind. */
export function isSameRequest(row: IntentRow, intent: NewIntent, isSameSecret: IsSameSecret): boolean {
  return (
    row.owner === null &&
    row.denial === null &&
    intent.denial === undefined &&
    row.mode === intent.mode &&
    row.topic_as_asked === intent.topicAsAsked &&
    row.lease_seconds === intent.leaseSeconds &&
    row.verify_token === (intent.verifyToken ?? null) &&
    row.signature_method === (intent.signatureMethod ?? null) &&
    hasSameSecret(row, intent, isSameSecret)
  );
}

function hasSameSecret({ secret: ours }: IntentRow, intent: NewIntent, isSameSecret: IsSameSecret): boolean {
  const { secret: theirs = null } = intent;
  return ours === null || theirs === null ? ours === theirs : isSameSecret(ours, theirs, intent);
}
