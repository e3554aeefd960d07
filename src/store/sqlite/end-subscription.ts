import type { Database } from "./database.ts";

/** Ends subscriptions inside a write; what they were owed goes with them. Resolves to whether there was one. */
export function createEndSubscription({ connection }: Database): (id: number) => boolean {
  const remove = connection.prepare<[number], { readonly topic_id: number }>(
    "DELETE FROM subscriptions WHERE id = ? RETURNING topic_id",
  );
  const uncount = connection.prepare<[number]>("UPDATE topics SET subscribers = subscribers - 1 WHERE id = ?");

  return (id) => {
    const removed = remove.get(id);
    if (removed === undefined) return false;
    uncount.run(removed.topic_id);
    return true;
  };
}
