import { Hono } from "hono";

import { HubError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type AdminDeps, adminRoutes } from "./admin-routes.ts";
import type { AppEnv } from "./app-env.ts";
import { answerError } from "./errors.ts";
import { healthRoutes } from "./health-routes.ts";
import { hubRoutes, type HubSteps } from "./hub-routes.ts";

export type AppDeps = {
  readonly steps: HubSteps;
  readonly assertReady: () => Promise<void>;
  /** Absent: it has a port of its own. */
  readonly admin: AdminDeps | undefined;
  readonly log: Log;
};

/** Everything the hub serves to everybody. */
export function createApp({ steps, assertReady, admin, log }: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.route("/", hubRoutes(steps));
  app.route("/", healthRoutes(assertReady));
  if (admin !== undefined) app.route("/", adminRoutes(admin));
  return answerErrors(app, log);
}

/** What the admin port serves. */
export function createAdminApp(admin: AdminDeps, log: Log): Hono<AppEnv> {
  return answerErrors(new Hono<AppEnv>().route("/", adminRoutes(admin)), log);
}

/** The only place where errors become answers. */
function answerErrors(app: Hono<AppEnv>, log: Log): Hono<AppEnv> {
  app.notFound((c) => answerError(c, new HubError("not_found", "there is nothing at this address")));
  app.onError((error, c) => {
    if (error instanceof HubError && error.code !== "store_unavailable") return answerError(c, error);
    log.error({ err: error }, "request failed");
    return answerError(c, error instanceof HubError ? error : undefined);
  });
  return app;
}
