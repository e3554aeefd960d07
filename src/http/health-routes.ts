import { Hono } from "hono";

import type { AppEnv } from "./app-env.ts";

/** Asked by machines, often: answered whatever a client's limit says. */
export const healthPaths: readonly string[] = ["/livez", "/readyz"];

/** `/livez`: the process turns. `/readyz`: it can also accept (promise F); why it cannot is in the log, not for strangers. */
export function healthRoutes(isReady: () => Promise<boolean>): Hono<AppEnv> {
  return new Hono<AppEnv>()
    .get("/livez", (c) => c.text("ok\n"))
    .get("/readyz", async (c) => ((await isReady()) ? c.text("ok\n") : c.text("not ready\n", 503)));
}
