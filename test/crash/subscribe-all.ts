import { askAll } from "./ask-hub.ts";
import { prove, rest, type Stage } from "./round.ts";
import { drawTerms } from "./schedule.ts";

/** Of each topic. */
const subscribers = [40, 10] as const;

/** What is there before anything goes wrong: each topic has its subscribers, and they have its first version. */
export async function subscribeAll(stage: Stage, random: () => number): Promise<void> {
  const requests = subscribers.flatMap((count, topic) =>
    Array.from({ length: count }, () => {
      return { kind: "subscribe", topic, isRefused: false, ...drawTerms(random) } as const;
    }),
  );
  await askAll(stage, { requests, pausesMs: [] });
  await rest(stage);
  await prove(stage);
}
