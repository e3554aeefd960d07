import { setImmediate } from "node:timers/promises";

/** Lets the event loop turn until `condition` holds, for what a test can see only from outside. No time passes. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await setImmediate();
}

/** True from the `times`-th time it is asked on. */
export function turns(times: number): () => boolean {
  let asked = 0;
  return () => (asked += 1) >= times;
}
