import { type DestinationStream, type Logger, pino } from "pino";

import { originOf } from "./model/origin.ts";

/** What the hub tells its operator, a JSON line each. */
export type Log = Pick<Logger, "debug" | "info" | "warn" | "error">;

/**
 * Writes to standard error, unless told otherwise. Secrets and callbacks are capabilities: should one ever be passed in, it is
 * not written.
 */
export function createLog(level: string, to: DestinationStream = pino.destination({ dest: 2, sync: true })): Log {
  const hidden = ["secret", "callback", "verifyToken", "*.secret", "*.callback", "*.verifyToken"];
  return pino({ name: "carillon", level, redact: hidden, serializers: { err: tellError } }, to);
}

/** What errors bring along besides may be anything: a database's tell the row they are about, those of URLs the URL. */
function tellError(error: Error): Record<string, unknown> {
  const { type, message, stack, code } = pino.stdSerializers.err(error);
  return { type, message, stack, code };
}

/** As much of a callback as may be told: its path and query are what keeps others from using it. */
export function tellCallback(callback: string): string {
  return originOf(callback);
}
