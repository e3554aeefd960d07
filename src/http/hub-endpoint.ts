import type { IncomingMessage } from "node:http";

import { HubError } from "../errors.ts";
import type { Mode } from "../model/intent.ts";
import { quote } from "../model/quote.ts";
import type { Answer } from "./answer.ts";
import { createReadText, parseForm, type ReadText } from "./form.ts";
import { queryOf } from "./target.ts";

/** `client` is whom a request counts for (clients.ts). */
export type HubSteps = {
  readonly acceptSubscription: (mode: Mode, form: URLSearchParams, client: string) => Promise<void>;
  readonly acceptPing: (form: URLSearchParams, client: string) => Promise<void>;
};

export type HubEndpoint = (request: IncomingMessage, client: string) => Promise<Answer>;

/**
 * What is POSTed to the hub URL (§5.1, §6). Answers once the request is stored, never after acting on it (§5.1.2). Throws what the
 * steps throw, `invalid_request`, `too_large`, `busy`.
 */
export function createHubEndpoint(steps: HubSteps): HubEndpoint {
  const readText = createReadText();
  return async (request, client) => {
    const form = await readParameters(request, readText);
    const mode = form.get("hub.mode");
    switch (mode) {
      case "subscribe":
      case "unsubscribe":
        await steps.acceptSubscription(mode, form, client);
        return { status: 202 };
      case "publish":
        await steps.acceptPing(form, client);
        return { status: 204 };
      default: {
        const fault = mode ? `hub.mode ${quote(mode)} must be` : "hub.mode is missing; it must be";
        throw new HubError("invalid_request", `${fault} subscribe, unsubscribe or publish`);
      }
    }
  };
}

/**
 * A ping may come in the query string of somebody else's webhook, whatever its body is, unless that is a form which
 * says itself what it wants.
 */
async function readParameters(request: IncomingMessage, readText: ReadText): Promise<URLSearchParams> {
  const search = queryOf(request.url);
  const query = search === undefined ? undefined : parseForm(search);
  if (query?.get("hub.mode") !== "publish") return readForm(request, readText);
  const form = await readForm(request, readText).catch((error: unknown) => {
    if (error instanceof HubError) return new URLSearchParams();
    throw error;
  });
  return form.has("hub.mode") ? form : query;
}

async function readForm(request: IncomingMessage, readText: ReadText): Promise<URLSearchParams> {
  assertForm(request.headers["content-type"]);
  return parseForm(await readText(request));
}

/** §5.1. A missing type is taken for a form. */
function assertForm(contentType = ""): void {
  const type = contentType.split(";")[0]?.trim().toLowerCase();
  if (type && type !== "application/x-www-form-urlencoded") {
    const fault = `Content-Type ${quote(contentType)} must be`;
    throw new HubError("invalid_request", `${fault} application/x-www-form-urlencoded`);
  }
}
