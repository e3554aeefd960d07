import type { ChunkClaim, ChunkReport, FallBehind, Gone } from "../../model/delivery.ts";
import type { PublicationKey } from "../../model/publication.ts";
import { originOf } from "../../model/origin.ts";
import { hastenedByCodes } from "../rows/hastened-by.ts";
import { createLogAttempt } from "./attempts.ts";
import type { Database } from "./database.ts";
import { createEndSubscription } from "./end-subscription.ts";

/** Writes a chunk's report, inside a write. Its first statement is the fence: without the claim nothing follows. */
export function createCheckpoint(
  db: Database,
): (chunk: ChunkClaim, report: ChunkReport, now: number) => "kept" | "lost" {
  const { connection } = db;
  const fence = connection.prepare("UPDATE chunks SET todo = ? WHERE id = ? AND owner = ?");
  const count = connection.prepare(
    `UPDATE fan_outs SET delivered = delivered + @delivered, behind = behind + @behind, gone = gone + @gone
      WHERE topic_id = @topicId AND seq = @seq`,
  );
  const close = createClose(db);
  const fallBehind = createFallBehind(db);
  const endGone = createEndGone(db);
  const log = createLogAttempt(db);

  return (chunk, report, now) => {
    if (fence.run(JSON.stringify(report.left), chunk.id, chunk.token).changes === 0) return "lost";
    const stillThere = report.gone.filter((one) => !endGone(one));
    const behind = [...report.behind, ...stillThere].filter((one) => fallBehind(chunk, one)).length;
    for (const record of report.log) log(record);
    const { topicId, seq } = chunk;
    const gone = report.gone.length - stillThere.length;
    count.run({ topicId, seq, gone, delivered: report.delivered, behind });
    if (report.left.length === 0) close(chunk, now);
    return "kept";
  };
}

function createClose({ connection }: Database) {
  const remove = connection.prepare("DELETE FROM chunks WHERE id = ?");
  const closeOne = connection.prepare(
    `UPDATE fan_outs SET open = open - 1, done = (cut_done AND open = 1),
            done_at = CASE WHEN cut_done AND open = 1 THEN @now END
      WHERE topic_id = @topicId AND seq = @seq`,
  );

  return ({ id, topicId, seq }: ChunkClaim, now: number): void => {
    remove.run(id);
    closeOne.run({ topicId, seq, now });
  };
}

/** Someone who unsubscribed meanwhile is owed nothing: false. */
function createFallBehind({ connection }: Database) {
  const callbackOf = connection.prepare<[number], { readonly callback: string }>(
    "SELECT callback FROM subscriptions WHERE id = ?",
  );
  const insert = connection.prepare(
    `INSERT INTO behind (subscription_id, topic_id, origin, next, newest, attempts, due_at, retry_at, hastened_by, owner)
     VALUES (@subscriptionId, @topicId, @origin, @seq, @seq, @attempts, @dueAt, @dueAt, @hastenedBy, @token)
     ON CONFLICT (subscription_id) DO NOTHING`,
  );

  return ({ topicId, seq }: PublicationKey, one: FallBehind): boolean => {
    const row = callbackOf.get(one.subscriptionId);
    if (row === undefined) return false;
    const { subscriptionId, attempts, dueAt, token = null } = one;
    const origin = originOf(row.callback);
    const hastenedBy = hastenedByCodes[one.hastenedBy];
    const values = { subscriptionId, topicId, origin, seq, attempts, token, hastenedBy, dueAt: dueAt.getTime() };
    return insert.run(values).changes > 0;
  };
}

/** Ends the subscription that answered 410, if it is still the one the attempt knew. Also false when there is none. */
export function createEndGone(db: Database): (one: Pick<Gone, "subscriptionId" | "generation">) => boolean {
  const isUnchanged = db.connection.prepare("SELECT 1 FROM subscriptions WHERE id = ? AND generation = ?");
  const end = createEndSubscription(db);

  return ({ subscriptionId, generation }) =>
    isUnchanged.get(subscriptionId, generation) !== undefined && end(subscriptionId);
}
