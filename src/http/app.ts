import { Hono } from "hono";

import { HubError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { AppEnv } from "./app-env.ts";
import { answerError } from "./errors.ts";
import { healthRoutes } from "./health-routes.ts";
import { hubRoutes, type HubSteps } from "./hub-routes.ts";

export type AppDeps = {
  readonly steps: HubSteps;
  readonly assertReady: () => Promise<void>;
  readonly log: Log;
};

/** Everything the hub serves, and the only place where errors become answers. */
export function createApp({ steps, assertReady, log }: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.route("/", hubRoutes(steps));
  app.route("/", healthRoutes(assertReady));
  app.notFound((c) => answerError(c, new HubError("not_found", "there is nothing at this address")));
  app.onError((error, c) => {
    if (error instanceof HubError && error.code !== "store_unavailable") return answerError(c, error);
    log.error({ err: error }, "request failed");
    return answerError(c, error instanceof HubError ? error : undefined);
  });
  return app;
}
