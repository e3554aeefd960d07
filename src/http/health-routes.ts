import { Hono } from "hono";

import type { AppEnv } from "./app-env.ts";

/** `/livez`: the process turns. `/readyz`: it can also accept; rejects with the reason when it cannot (promise F). */
export function healthRoutes(assertReady: () => Promise<void>): Hono<AppEnv> {
  return new Hono<AppEnv>()
    .get("/livez", (c) => c.text("ok\n"))
    .get("/readyz", async (c) => {
      try {
        await assertReady();
        return c.text("ok\n");
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return c.text(`not ready: ${reason}\n`, 503);
      }
    });
}
