import type { Clock } from "../clock.ts";
import { isUnavailable } from "../errors.ts";
import { Bell } from "./bell.ts";

const pauseMs = 1000;

/**
 * Asks the store for what work in hand cannot do without, above all to write down what has already happened: while the
 * store is unavailable it is tried again every second (promise F), until `signal`. Other errors reject.
 */
export async function persist<T>(clock: Clock, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isUnavailable(error) || signal.aborted) throw error;
    }
    await new Bell(clock).wait(pauseMs, signal);
  }
}
