import type { HubError, HubErrorCode } from "../errors.ts";
import { type Answer, plainAnswer } from "./answer.ts";

/** The one place where codes become statuses. */
const statuses: Readonly<Record<HubErrorCode, number>> = {
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

const usualRetryAfterSeconds = 10;

/**
 * One plain sentence (§5.1.2), or the same as data for who asks for JSON by `accept`. Faults of ours are not explained to
 * strangers.
 */
export function errorAnswer(error: HubError | undefined, accept: string | undefined): Answer {
  const status = error ? statuses[error.code] : 500;
  const code = error?.code ?? "internal";
  // What the store says names files of this machine.
  const detail = error && error.code !== "store_unavailable" ? error.message : sorry(status);
  const plain = plainAnswer(status, detail);
  const headers = { ...plain.headers, ...retryAfter(status, error) };
  if (!wantsJson(accept)) return { ...plain, headers };
  const body = JSON.stringify({ title: code, status, code, detail });
  return { status, headers: { ...headers, "Content-Type": "application/problem+json" }, body };
}

function retryAfter(status: number, error: HubError | undefined): Record<string, string> {
  const seconds = error?.retryAfterSeconds ?? (status === 503 ? usualRetryAfterSeconds : undefined);
  return seconds === undefined ? {} : { "Retry-After": String(seconds) };
}

function sorry(status: number): string {
  return status === 503
    ? "the hub cannot store anything just now; try again later"
    : "the hub has failed; try again later";
}

function wantsJson(accept: string | undefined): boolean {
  return accept !== undefined && /\bapplication\/(problem\+)?json\b/i.test(accept);
}
