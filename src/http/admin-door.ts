import { createHash, timingSafeEqual } from "node:crypto";

import type { MiddlewareHandler } from "hono";

import type { Clock } from "../clock.ts";
import { HubError } from "../errors.ts";
import type { AppEnv } from "./app-env.ts";

export type AdminDoorDeps = {
  readonly token: string;
  readonly clock: Clock;
  /** Who is asking, as far as limits go. */
  readonly clientOf: (env: AppEnv["Bindings"]) => string;
};

const mostFailures = 10;
const forgetMs = 60_000;
/** Clients whose failures are counted: bounds the memory that strangers can take. */
const mostClients = 10_000;

type Failures = { count: number; readonly sinceMs: number };

/**
 * Lets pass who shows the admin token: `Authorization: Bearer TOKEN`. Throws `unauthorized`; `too_many_requests`, whatever
 * is shown, for a minute after ten wrong tokens of one client.
 */
export function createAdminDoor({ token, clock, clientOf }: AdminDoorDeps): MiddlewareHandler<AppEnv> {
  const wanted = digest(token);
  const failures = new Map<string, Failures>();

  return async (c, next) => {
    const client = clientOf(c.env);
    const nowMs = clock.monotonicMs();
    const known = failures.get(client);
    if (known !== undefined && nowMs - known.sinceMs >= forgetMs) failures.delete(client);
    else if (known !== undefined && known.count >= mostFailures) {
      const retryAfterSeconds = Math.ceil((known.sinceMs + forgetMs - nowMs) / 1000);
      throw new HubError("too_many_requests", "too many wrong admin tokens: try again later", { retryAfterSeconds });
    }
    const shown = /^Bearer +(\S+)$/i.exec(c.env.incoming.headers.authorization ?? "")?.[1];
    if (shown !== undefined && timingSafeEqual(digest(shown), wanted)) return next();
    if (shown !== undefined) countFailure(client, nowMs);
    c.header("WWW-Authenticate", 'Bearer realm="carillon"');
    const fault = shown === undefined ? "is missing" : "does not hold the admin token";
    throw new HubError("unauthorized", `Authorization ${fault}; it must be Bearer and the admin token`);
  };

  function countFailure(client: string, nowMs: number): void {
    const known = failures.get(client);
    if (known !== undefined) known.count += 1;
    else failures.set(client, { count: 1, sinceMs: nowMs });
    const [oldest] = failures.keys();
    if (failures.size > mostClients && oldest !== undefined) failures.delete(oldest);
  }
}

/** Of equal length whatever was shown, so that the time of comparing tells nothing. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
