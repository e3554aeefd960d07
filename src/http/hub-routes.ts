import { type Context, Hono } from "hono";

import { HubError } from "../errors.ts";
import type { Mode } from "../model/intent.ts";
import { quote } from "../model/quote.ts";
import type { AppEnv } from "./app-env.ts";
import { parseForm, readText } from "./form.ts";

/** Where the hub answers, each with and without a trailing slash and without a redirect, which would lose a POST. */
export const hubPaths = ["/", "/hub", "/hub/", "/subscribe", "/subscribe/", "/publish", "/publish/"] as const;

/** `client` is whom the request counts for. */
export type HubSteps = {
  readonly acceptSubscription: (mode: Mode, form: URLSearchParams, client: string) => Promise<void>;
  readonly acceptPing: (form: URLSearchParams) => Promise<void>;
  /** What the hub says of itself to who looks at it. */
  readonly describe: () => string;
};

/** The hub URL (§5.1, §6). Answers once the request is stored, never after acting on it (§5.1.2). */
export function hubRoutes(steps: HubSteps): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();
  for (const path of hubPaths) {
    routes.get(path, (c) => c.text(steps.describe()));
    routes.post(path, (c) => accept(c, steps));
    routes.all(path, (c) => c.text("POST a form here; see GET\n", 405, { Allow: "GET, HEAD, POST" }));
  }
  return routes;
}

async function accept(c: Context<AppEnv>, steps: HubSteps): Promise<Response> {
  const form = await readParameters(c);
  const mode = form.get("hub.mode");
  switch (mode) {
    case "subscribe":
    case "unsubscribe":
      await steps.acceptSubscription(mode, form, clientOf(c.env.incoming));
      return c.body(null, 202);
    case "publish":
      await steps.acceptPing(form);
      return c.body(null, 204);
    default: {
      const fault = mode ? `hub.mode ${quote(mode)} must be` : "hub.mode is missing; it must be";
      throw new HubError("invalid_request", `${fault} subscribe, unsubscribe or publish`);
    }
  }
}

function clientOf({ socket }: AppEnv["Bindings"]["incoming"]): string {
  return socket.remoteAddress ?? "";
}

/**
 * A ping may come in the query string of somebody else's webhook, whatever its body is, unless that is a form which
 * says itself what it wants.
 */
async function readParameters(c: Context<AppEnv>): Promise<URLSearchParams> {
  const search = queryOf(c.env.incoming.url);
  const query = search === undefined ? undefined : parseForm(search);
  if (query?.get("hub.mode") !== "publish") return readForm(c);
  const form = await readForm(c).catch((error: unknown) => {
    if (error instanceof HubError) return new URLSearchParams();
    throw error;
  });
  return form.has("hub.mode") ? form : query;
}

/** §5.1. A missing type is taken for a form. */
function assertForm(contentType = ""): void {
  const type = contentType.split(";")[0]?.trim().toLowerCase();
  if (type && type !== "application/x-www-form-urlencoded") {
    const fault = `Content-Type ${quote(contentType)} must be`;
    throw new HubError("invalid_request", `${fault} application/x-www-form-urlencoded`);
  }
}

function queryOf(target = ""): string | undefined {
  const at = target.indexOf("?");
  return at === -1 ? undefined : target.slice(at + 1);
}

async function readForm({ env: { incoming } }: Context<AppEnv>): Promise<URLSearchParams> {
  assertForm(incoming.headers["content-type"]);
  return parseForm(await readText(incoming));
}
