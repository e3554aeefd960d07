import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";

/** An answer is as good for all who ask within that time: to ask the store costs a write. */
const keptMs = 1000;

/** Whether `assertReady` resolves, which is asked at most once a second. Says so in the log, with the reason, when that changes. */
export function createReadiness(assertReady: () => Promise<void>, clock: Clock, log: Log): () => Promise<boolean> {
  let wasReady = true;
  let askedAt = Number.NEGATIVE_INFINITY;
  let answer = Promise.resolve(true);

  async function ask(): Promise<boolean> {
    try {
      await assertReady();
      if (!wasReady) log.info("ready again");
      wasReady = true;
    } catch (err) {
      if (wasReady) log.warn({ err }, "not ready");
      wasReady = false;
    }
    return wasReady;
  }

  return () => {
    const now = clock.monotonicMs();
    if (now - askedAt < keptMs) return answer;
    askedAt = now;
    answer = ask();
    return answer;
  };
}
