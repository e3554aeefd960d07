import type { IntentClaim, IntentDecision } from "../../model/intent.ts";
import { pendingQuotas } from "../rows/quota.ts";
import { type Applied, applyIntents } from "./apply-intents.ts";
import { pairOf } from "./intent-rows.ts";
import { sql } from "./statement.ts";
import { fromBytes, toText } from "./text-columns.ts";
import type { Transaction } from "./transaction.ts";

export type Decided = {
  readonly claim: IntentClaim;
  readonly decision: IntentDecision;
  readonly now: Date;
  /** The time that leases are judged by. */
  readonly leaseNow: Date;
  /** Subscriptions that the callback's host may have. */
  readonly most: number;
};

type Held = { readonly id: number; readonly secret: Buffer | null };

const fence = sql(
  `SELECT i.id, i.secret FROM unnest($1::bigint[], $2::text[]) c(id, owner) JOIN intents i ON i.id = c.id AND i.owner = c.owner
    ORDER BY i.id FOR UPDATE OF i`,
);
const remove = sql("DELETE FROM intents WHERE id = ANY($1::bigint[])");
const write = sql(
  `UPDATE intents i SET owner = NULL, lease_until = NULL, attempts = coalesce(c.attempts, i.attempts + 1), due_at = c.due_at,
          denial = coalesce(c.denial, i.denial), dropped_at = c.dropped_at, drop_reason = c.drop_reason,
          secret = CASE WHEN c.dropped_at IS NULL THEN i.secret END,
          verify_token = CASE WHEN c.dropped_at IS NULL THEN i.verify_token END
     FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::text[], $5::bigint[], $6::text[])
          c(id, attempts, due_at, denial, dropped_at, drop_reason)
    WHERE i.id = c.id`,
);
// A statement of its own after the fence, so that it sees what was added until then.
const beginNext = sql(
  `UPDATE intents SET due_at = start_at WHERE id = ANY(ARRAY(
     SELECT (SELECT i.id FROM intents i WHERE i.pair = ended.pair AND dropped_at IS NULL ORDER BY i.id LIMIT 1)
       FROM unnest($1::bytea[]) ended(pair)))`,
);

/** Settles claimed intents in one transaction. Of those whose claim is lost, or whose host is full, nothing is written. */
export async function settleIntents(
  session: Transaction,
  decided: readonly Decided[],
): Promise<readonly ("settled" | "lost" | "full")[]> {
  const ids = decided.map(({ claim }) => claim.id);
  const tokens = decided.map(({ claim }) => claim.token);
  const rows = await session.all<Held>(fence, ids, tokens);
  const held = new Set(rows.map(({ id }) => id));
  // A claim is settled once, also within one transaction.
  const holds = decided.map(({ claim }) => held.delete(claim.id));
  const settled = decided.filter((_, i) => holds[i]);
  // As they are kept, not as they were opened for the claim.
  const secrets = new Map(rows.map(({ id, secret }) => [id, fromBytes(secret) ?? undefined]));
  const applied = settled.flatMap((one) => toApplied(one, secrets.get(one.claim.id)));
  const full = new Set([...(await applyIntents(session, applied)).full].map(({ id }) => id));
  await writeSettled(
    session,
    settled.filter(({ claim }) => !full.has(claim.id)),
  );
  return decided.map(({ claim }, i) => {
    if (!holds[i]) return "lost";
    return full.has(claim.id) ? "full" : "settled";
  });
}

async function writeSettled(session: Transaction, settled: readonly Decided[]): Promise<void> {
  const applied = settled.filter(({ decision }) => decision.next === "apply");
  if (applied.length > 0)
    await session.run(
      remove,
      applied.map(({ claim }) => claim.id),
    );
  const kept = settled.filter(({ decision }) => decision.next !== "apply");
  if (kept.length > 0) await session.run(write, ...toColumns(kept));
  const ended = settled.filter(({ decision }) => decision.next === "apply" || decision.next === "drop");
  for (const name of ended.flatMap(({ claim }) => pendingQuotas(claim))) session.count(name, { pending: -1 });
  const pairs = ended.map(({ claim }) => pairOf(claim)).toSorted((a, b) => a.compare(b));
  if (pairs.length > 0) await session.run(beginNext, pairs);
}

function toApplied(
  { claim, decision, now, leaseNow, most }: Decided,
  secret: string | undefined,
): readonly (Applied & { readonly intent: IntentClaim })[] {
  return decision.next === "apply"
    ? [{ intent: { ...claim, secret }, verifiedAt: decision.verifiedAt, now, leaseNow, most }]
    : [];
}

type Columns = {
  /** Absent: one more. */
  readonly attempts?: number;
  readonly dueAt?: Date;
  readonly denial?: string;
  readonly droppedAt?: Date;
  readonly reason?: string;
};

function toColumns(kept: readonly Decided[]): readonly unknown[] {
  const columns = kept.map(columnsOf);
  return [
    kept.map(({ claim }) => claim.id),
    columns.map(({ attempts = null }) => attempts),
    columns.map(({ dueAt }) => dueAt?.getTime() ?? null),
    columns.map(({ denial }) => toText(denial)),
    columns.map(({ droppedAt }) => droppedAt?.getTime() ?? null),
    columns.map(({ reason }) => toText(reason)),
  ];
}

function columnsOf({ decision, now }: Decided): Columns {
  switch (decision.next) {
    case "retry":
      return { attempts: decision.attempts, dueAt: decision.at };
    case "deny":
      return { attempts: 0, dueAt: now, denial: decision.reason };
    case "drop":
      return { droppedAt: now, reason: decision.reason };
    case "apply":
      throw new Error("an intent that is applied goes");
  }
}
