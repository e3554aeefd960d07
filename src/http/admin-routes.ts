import { Hono, type MiddlewareHandler } from "hono";

import type { Exposition } from "../metrics/exposition.ts";
import type { AppEnv } from "./app-env.ts";

export type AdminDeps = {
  readonly door: MiddlewareHandler<AppEnv>;
  readonly openExposition: () => Promise<Exposition>;
};

/** What only the operator may see; behind the door, all of it. */
export function adminRoutes({ door, openExposition }: AdminDeps): Hono<AppEnv> {
  let exposition: Promise<Exposition> | undefined;
  return new Hono<AppEnv>().get("/metrics", door, async (c) => {
    exposition ??= openExposition();
    const { write, contentType } = await exposition;
    return c.body(await write(), 200, { "Content-Type": contentType });
  });
}
