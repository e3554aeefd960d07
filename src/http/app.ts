import type { IncomingMessage, ServerResponse } from "node:http";

import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";

import type { Clock } from "../clock.ts";
import { HubError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type AdminDeps, adminRoutes } from "./admin-routes.ts";
import { type Answer, plainAnswer, send } from "./answer.ts";
import type { AppEnv } from "./app-env.ts";
import { describeHub } from "./describe-hub.ts";
import { drain } from "./drain.ts";
import { errorAnswer } from "./errors.ts";
import { healthRoutes } from "./health-routes.ts";
import { createHubEndpoint, type HubSteps } from "./hub-endpoint.ts";
import { hubPage, hubPaths } from "./hub-page.ts";
import { createReadiness } from "./readiness.ts";
import { safeHeaders } from "./safe-headers.ts";
import { pathOf } from "./target.ts";

export type AppDeps = {
  readonly steps: HubSteps;
  /** The hub URL. */
  readonly url: string;
  /** Rejects with the reason when the hub cannot accept (promise F). */
  readonly assertReady: () => Promise<void>;
  readonly clock: Clock;
  /** Absent: it has a port of its own. */
  readonly admin: AdminDeps | undefined;
  readonly log: Log;
};

/** Answers a request, whatever it is. `client` is whom it counts for (clients.ts). Never throws. */
export type Serve = (request: IncomingMessage, response: ServerResponse, client: string) => void;

/** Everything the hub serves to everybody. */
export function createApp({ steps, url, assertReady, clock, admin, log }: AppDeps): Serve {
  const isReady = createReadiness(assertReady, clock, log);
  const pages = new Hono<AppEnv>().route("/", hubPage(describeHub(url))).route("/", healthRoutes(isReady));
  if (admin !== undefined) pages.route("/", adminRoutes(admin));
  const showPage = servePages(pages, log);
  const accept = createHubEndpoint(steps);
  const takesForms: ReadonlySet<string> = new Set(hubPaths);

  async function answerForm(request: IncomingMessage, client: string): Promise<Answer> {
    try {
      return await accept(request, client);
    } catch (error) {
      return explain(error, request.headers.accept, log);
    }
  }

  // Forms do not go by way of the pages: what those are made with costs as much as all that the hub does with a form.
  return (request, response, client) => {
    if (request.method !== "POST" || !takesForms.has(pathOf(request.url))) return showPage(request, response, client);
    void answerForm(request, client).then((answer) => send(response, answer));
  };
}

/** What the admin port serves. */
export function createAdminApp(admin: AdminDeps, log: Log): Serve {
  return servePages(new Hono<AppEnv>().route("/", adminRoutes(admin)), log);
}

/** Whatever a request calls the hub, pages do not get to see it: the hub knows its own name. */
const ownHost = "localhost";

function servePages(pages: Hono<AppEnv>, log: Log): Serve {
  const nothing = new HubError("not_found", "there is nothing at this address");
  pages.notFound((c) => toResponse(errorAnswer(nothing, c.req.header("accept"))));
  pages.onError((error, c) => toResponse(explain(error, c.req.header("accept"), log), c.res.headers));
  const show = getRequestListener((request, env) => pages.fetch(request, env), {
    autoCleanupIncoming: false,
    errorHandler: () => toResponse(plainAnswer(400, "the request target is not understood")),
  });
  return (request, response) => {
    drain(request); // no page reads a body
    request.headers.host = ownHost;
    response.setHeaders(safeHeaders);
    // Never rejects: what goes wrong it answers itself.
    void show(request, response);
  };
}

/** The only place where errors become answers. Faults of ours go to the log as well. */
function explain(error: unknown, accepted: string | undefined, log: Log): Answer {
  const refusal = error instanceof HubError ? error : undefined;
  if (refusal === undefined || refusal.code === "store_unavailable") log.error({ err: error }, "request failed");
  return errorAnswer(refusal, accepted);
}

/** With what a route had said before, such as how to sign in. */
function toResponse({ status, headers = {}, body = "" }: Answer, before = new Headers()): Response {
  return new Response(body, { status, headers: { ...Object.fromEntries(before), ...headers } });
}
