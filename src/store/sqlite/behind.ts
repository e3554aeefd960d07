import type { CatchUpClaim, CatchUpOutcome, Wait } from "../../model/delivery.ts";
import type { BehindStore } from "../behind-store.ts";
import { hastenedByCodes } from "../rows/hastened-by.ts";
import { createLogAttempt } from "./attempts.ts";
import { createEndGone } from "./checkpoint.ts";
import { createClaimBehind } from "./claim-behind.ts";
import type { Database } from "./database.ts";
import { firstOwed } from "./first-owed.ts";
import { createGiveUpOld } from "./give-up.ts";

type Claim = Pick<CatchUpClaim, "subscriptionId" | "seq" | "token">;
type Settled = "done" | "more" | "waits" | "lost";

export function createBehind(db: Database): BehindStore {
  const { connection, write } = db;
  const removeSettled = connection.prepare(
    `DELETE FROM behind WHERE subscription_id IN
       (SELECT subscription_id FROM behind WHERE due_at <= +? AND owner IS NULL AND next > newest LIMIT +?)`,
  );
  const settle = createSettle(db);
  const giveUpOld = createGiveUpOld(db);
  const log = createLogAttempt(db);

  return {
    ...createClaimBehind(db),
    ...createHasten(db),
    settleCatchUp: (catchUp, outcome, record, now) =>
      write(() => {
        const settled = settle(catchUp, outcome, now.getTime());
        // Whoever ended the subscription has logged what that gave up.
        log(settled === "lost" && record.outcome === "given_up" ? { ...record, outcome: "failed" } : record);
        return settled;
      }),
    giveUpOld: (before, limit, now) => write(() => giveUpOld(before.getTime(), limit, now)),
    removeSettled: (limit, now) => write(() => removeSettled.run(now.getTime(), limit).changes),
  };
}

/** Whoever is hastened once loses the mark, so that the index holds only those who may yet be. */
function createHasten({ connection, write, read }: Database): Pick<BehindStore, "hasten" | "listTroubled"> {
  const hasten = connection.prepare(
    `UPDATE behind SET due_at = min(due_at, @now), hastened_by = 0 WHERE subscription_id IN
       (SELECT subscription_id FROM behind WHERE origin = +@origin AND owner IS NULL AND hastened_by > 0
           AND hastened_by >= +@least LIMIT +@limit)`,
  );
  const troubled = connection.prepare<[], { readonly origin: string }>(
    "SELECT DISTINCT origin FROM behind WHERE owner IS NULL AND hastened_by > 0",
  );

  return {
    hasten: (origin, by, limit, now) =>
      write(() => hasten.run({ origin, least: hastenedByCodes[by], limit, now: now.getTime() }).changes),
    listTroubled: () => read(() => troubled.all().map(({ origin }) => origin)),
  };
}

/** Removing the row tests that nothing newer was handed over, in the statement itself (engine-protocol, Q1). */
function createSettle(db: Database): (claim: Claim, outcome: CatchUpOutcome, now: number) => Settled {
  const { connection } = db;
  const remove = connection.prepare("DELETE FROM behind WHERE subscription_id = ? AND owner = ? AND newest <= ?");
  const goOn = connection.prepare(
    `UPDATE behind SET next = ${firstOwed("@seq + 1")}, attempts = 0, owner = NULL, due_at = @now, retry_at = @now,
            hastened_by = 0
      WHERE subscription_id = @subscriptionId AND owner = @token`,
  );
  const wait = connection.prepare(
    `UPDATE behind SET next = ${firstOwed("@next")}, attempts = @attempts, owner = NULL, due_at = @dueAt,
            retry_at = @dueAt, hastened_by = @hastenedBy
      WHERE subscription_id = @subscriptionId AND owner = @token`,
  );
  const holds = connection.prepare("SELECT 1 FROM behind WHERE subscription_id = ? AND owner = ?");
  const endGone = createEndGone(db);

  return ({ subscriptionId, token, seq }, outcome, now) => {
    if (holds.get(subscriptionId, token) === undefined) return "lost";
    if (outcome.kind === "delivered") {
      if (remove.run(subscriptionId, token, seq).changes > 0) return "done";
      goOn.run({ subscriptionId, token, seq, now });
      return "more";
    }
    if (outcome.kind === "gone" && endGone({ subscriptionId, generation: outcome.generation })) return "done";
    const next = outcome.kind === "given_up" ? seq + 1 : seq;
    wait.run({ subscriptionId, token, next, ...toColumns(outcome) });
    return "waits";
  };
}

function toColumns({ attempts, dueAt, hastenedBy }: Wait) {
  return { attempts, dueAt: dueAt.getTime(), hastenedBy: hastenedByCodes[hastenedBy] };
}
