import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";

import type { HubError, HubErrorCode } from "../errors.ts";

/** The one place where codes become statuses. */
const statuses: Readonly<Record<HubErrorCode, ContentfulStatusCode>> = {
  invalid_request: 400,
  unauthorized: 401,
  policy_forbidden: 403,
  address_forbidden: 403,
  not_found: 404,
  too_large: 413,
  too_many_requests: 429,
  busy: 503,
  store_unavailable: 503,
};

/** One plain sentence (§5.1.2), or the same as data for who asks for JSON. Faults of ours are not explained to strangers. */
export function answerError(c: Context, error: HubError | undefined): Response {
  const status = error ? statuses[error.code] : 500;
  const code = error?.code ?? "internal";
  // What the store says names files of this machine.
  const detail = error && error.code !== "store_unavailable" ? error.message : sorry(status);
  const retryAfterSeconds = error?.retryAfterSeconds ?? (status === 503 ? 10 : undefined);
  if (retryAfterSeconds !== undefined) c.header("Retry-After", String(retryAfterSeconds));
  if (!wantsJson(c.req.header("accept"))) return c.text(`${detail}\n`, status);
  return c.json({ title: code, status, code, detail }, status, { "Content-Type": "application/problem+json" });
}

function sorry(status: number): string {
  return status === 503
    ? "the hub cannot store anything just now; try again later"
    : "the hub has failed; try again later";
}

function wantsJson(accept: string | undefined): boolean {
  return accept !== undefined && /\bapplication\/(problem\+)?json\b/i.test(accept);
}
