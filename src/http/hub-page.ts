import { Hono } from "hono";

import type { AppEnv } from "./app-env.ts";

/** Where the hub answers, each with and without a trailing slash and without a redirect, which would lose a POST. */
export const hubPaths = ["/", "/hub", "/hub/", "/subscribe", "/subscribe/", "/publish", "/publish/"] as const;

/** What the hub URL shows to who looks at it. POSTs do not come this way (hub-endpoint.ts). */
export function hubPage(description: string): Hono<AppEnv> {
  const page = new Hono<AppEnv>();
  for (const path of hubPaths) {
    page.get(path, (c) => c.text(description));
    page.all(path, (c) => c.text("POST a form here; see GET\n", 405, { Allow: "GET, HEAD, POST" }));
  }
  return page;
}
