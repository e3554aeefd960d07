import { timingSafeEqual } from "node:crypto";

import type { VerificationAnswer } from "../model/intent.ts";
import type { OutboundAnswer } from "../outbound/outbound.ts";

/**
 * What a callback's answer says (§5.3.1): any 2xx whose body is the challenge confirms. Policy: white space around it
 * and one pair of double quotes mean nothing, since clients in use add them; only failing to answer, or a 5xx, leaves
 * the question open.
 */
export function readVerificationAnswer(answer: OutboundAnswer, challenge: string): VerificationAnswer {
  if (answer.kind === "failed") {
    if (answer.reason === "forbidden") return { kind: "refused", detail: answer.detail };
    return { kind: "unavailable", detail: answer.detail };
  }
  const { status, body, complete } = answer;
  if (status >= 500) return { kind: "unavailable", detail: `the callback answered ${status}` };
  if (status < 200 || status > 299) return { kind: "refused", detail: `the callback answered ${status}` };
  if (complete && isEcho(body, challenge)) return { kind: "confirmed" };
  return { kind: "refused", detail: `the callback answered ${status}, but its body is not the challenge` };
}

/** Whether a body is the challenge and nothing else. */
export function isEcho(body: Buffer, challenge: string): boolean {
  const text = body.toString("utf8").trim();
  const bare = Buffer.from(/^"[^"]*"$/.test(text) ? text.slice(1, -1) : text);
  const wanted = Buffer.from(challenge);
  return bare.length === wanted.length && timingSafeEqual(bare, wanted);
}
