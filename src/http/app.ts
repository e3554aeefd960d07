import { Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";

import { HubError } from "../errors.ts";
import type { Log } from "../log.ts";
import { answerError } from "./errors.ts";
import { healthRoutes } from "./health-routes.ts";
import { hubRoutes, type HubSteps } from "./hub-routes.ts";

export type AppDeps = {
  readonly steps: HubSteps;
  readonly assertReady: () => Promise<void>;
  readonly log: Log;
};

/** Everything the hub serves, and the only place where errors become answers. */
export function createApp({ steps, assertReady, log }: AppDeps): Hono {
  const app = new Hono();
  const contentSecurityPolicy = { defaultSrc: ["'none'"], frameAncestors: ["'none'"] };
  // Whether a host and all below it speak https is for its operator's proxy to say, not for one program on it.
  app.use(secureHeaders({ contentSecurityPolicy, strictTransportSecurity: false }));
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
