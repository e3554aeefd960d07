import { timingSafeEqual } from "node:crypto";

import type { VerificationAnswer } from "../model/intent.ts";
import { isOwnFault, type OutboundAnswer } from "../outbound/outbound.ts";

/**
 * What a callback's answer says (§5.3.1): any 2xx whose body is the challenge confirms. Policy: white space around it
 * and one pair of double quotes mean nothing, since clients in use add them; only failing to answer, or a 5xx, leaves
 * the question open, and so does a fault of our own.
 */
export function readVerificationAnswer(answer: OutboundAnswer, challenge: string): VerificationAnswer {
  if (answer.kind === "failed") return readFailure(answer);
  const { status, body, complete } = answer;
  if (status >= 500) return { kind: "unavailable", detail: `the callback answered ${status}` };
  if (status < 200 || status > 299) return { kind: "refused", detail: `the callback answered ${status}` };
  if (complete && isEcho(body, challenge)) return { kind: "confirmed" };
  return { kind: "refused", detail: `the callback answered ${status}, but its body is not the challenge` };
}

/** What it means that a callback could not be asked, or told. */
export function readFailure(failure: Extract<OutboundAnswer, { readonly kind: "failed" }>): VerificationAnswer {
  const { reason, detail } = failure;
  if (reason === "forbidden") return { kind: "refused", detail };
  return { kind: isOwnFault(failure) ? "hindered" : "unavailable", detail };
}

/** Whether a body is the challenge and nothing else. */
export function isEcho(body: Buffer, challenge: string): boolean {
  const text = body.toString("utf8").trim();
  const bare = Buffer.from(/^"[^"]*"$/.test(text) ? text.slice(1, -1) : text);
  const wanted = Buffer.from(challenge);
  return bare.length === wanted.length && timingSafeEqual(bare, wanted);
}
