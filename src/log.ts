import { type Logger, pino } from "pino";

import { originOf } from "./model/origin.ts";

/** What the hub tells its operator, a JSON line each. */
export type Log = Pick<Logger, "debug" | "info" | "warn" | "error">;

/** Writes to standard error. Secrets and callbacks are capabilities: should one ever be passed in, it is not written. */
export function createLog(level: string): Log {
  const hidden = ["secret", "callback", "verifyToken", "*.secret", "*.callback", "*.verifyToken"];
  return pino({ name: "carillon", level, redact: hidden }, pino.destination({ dest: 2, sync: true }));
}

/** As much of a callback as may be told: its path and query are what keeps others from using it. */
export function tellCallback(callback: string): string {
  return originOf(callback);
}
