import { hostOf } from "../../model/origin.ts";
import { hostQuota } from "../rows/quota.ts";
import type { Database } from "./database.ts";

/** Ends subscriptions inside a write; what they were owed goes with them. Resolves to whether there was one. */
export function createEndSubscription({ connection, quotas }: Database): (id: number) => boolean {
  const remove = connection.prepare<[number], { readonly topic_id: number; readonly callback: string }>(
    "DELETE FROM subscriptions WHERE id = ? RETURNING topic_id, callback",
  );
  const uncount = connection.prepare<[number]>("UPDATE topics SET subscribers = subscribers - 1 WHERE id = ?");

  return (id) => {
    const removed = remove.get(id);
    if (removed === undefined) return false;
    uncount.run(removed.topic_id);
    quotas.add(hostQuota(hostOf(removed.callback)), { subscriptions: -1 });
    return true;
  };
}
