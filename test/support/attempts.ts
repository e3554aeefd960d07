import type { AttemptRecord } from "../../src/model/delivery.ts";
import type { TestHub } from "./test-hub.ts";

/** What the hub has on record of a topic's deliveries, oldest first. */
export async function attemptsOf(hub: TestHub, topic: string): Promise<readonly AttemptRecord[]> {
  const found = await hub.store.topics.find(topic);
  if (found === undefined) throw new Error(`the hub does not know ${topic}`);
  const newest = await hub.store.attempts.newest(found.id, 10_000);
  return newest.toReversed();
}
