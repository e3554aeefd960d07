import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";

import { HubError } from "../errors.ts";
import type { Mode } from "../model/intent.ts";
import { parseForm } from "./form.ts";

/** Where the hub answers, each with and without a trailing slash and without a redirect, which would lose a POST. */
export const hubPaths = ["/", "/hub", "/hub/", "/subscribe", "/subscribe/", "/publish", "/publish/"] as const;

export type HubSteps = {
  readonly acceptSubscription: (mode: Mode, form: URLSearchParams) => Promise<void>;
  readonly acceptPing: (form: URLSearchParams) => Promise<void>;
  /** What the hub says of itself to who looks at it. */
  readonly describe: () => string;
};

const formLimit = bodyLimit({
  maxSize: 64 * 1024,
  onError: () => {
    throw new HubError("too_large", "the request body exceeds 64 KiB");
  },
});

/** The hub URL (§5.1, §6). Answers once the request is stored, never after acting on it (§5.1.2). */
export function hubRoutes(steps: HubSteps): Hono {
  const routes = new Hono();
  for (const path of hubPaths) {
    routes.get(path, (c) => c.text(steps.describe()));
    routes.post(
      path,
      (c, next) => acceptQuery(c, steps, next),
      formLimit,
      (c) => acceptForm(c, steps),
    );
    routes.all(path, (c) => c.text("POST a form here; see GET\n", 405, { Allow: "GET, HEAD, POST" }));
  }
  return routes;
}

/** A ping may come in the query string of somebody else's webhook, whatever its body is. */
async function acceptQuery(c: Context, steps: HubSteps, next: () => Promise<void>): Promise<Response | void> {
  const text = new URL(c.req.url).search.slice(1);
  const query = text === "" ? new URLSearchParams() : parseForm(text);
  if (query.get("hub.mode") !== "publish") return next();
  await steps.acceptPing(query);
  return c.body(null, 204);
}

async function acceptForm(c: Context, steps: HubSteps): Promise<Response> {
  assertForm(c.req.header("content-type"));
  const form = parseForm(await readText(c));
  const mode = form.get("hub.mode");
  switch (mode) {
    case "subscribe":
    case "unsubscribe":
      await steps.acceptSubscription(mode, form);
      return c.body(null, 202);
    case "publish":
      await steps.acceptPing(form);
      return c.body(null, 204);
    default:
      throw new HubError("invalid_request", "hub.mode must be subscribe, unsubscribe or publish");
  }
}

/** §5.1. A missing type is taken for a form. */
function assertForm(contentType: string | undefined): void {
  const type = contentType?.split(";")[0]?.trim().toLowerCase();
  if (type && type !== "application/x-www-form-urlencoded") {
    throw new HubError("invalid_request", "Content-Type must be application/x-www-form-urlencoded");
  }
}

async function readText(c: Context): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await c.req.arrayBuffer());
  } catch (cause) {
    if (cause instanceof HubError) throw cause;
    throw new HubError("invalid_request", "the request body is not UTF-8, or broke off", { cause });
  }
}
