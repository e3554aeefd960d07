import type { Clock } from "../clock.ts";
import { HubError } from "../errors.ts";
import { Bell } from "./bell.ts";

const pauseMs = 1000;

/**
 * Makes a write that tells what has already happened, so it must not be given up: while the store is unavailable it is
 * tried again every second (promise F), until `signal`. Other errors reject.
 */
export async function persist<T>(clock: Clock, signal: AbortSignal, write: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      const unavailable = error instanceof HubError && error.code === "store_unavailable";
      if (!unavailable || signal.aborted) throw error;
    }
    await new Bell(clock).wait(pauseMs, signal);
  }
}
