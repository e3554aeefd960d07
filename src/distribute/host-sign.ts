import type { AttemptAnswer } from "../model/delivery.ts";

/**
 * What an attempt has shown of its host. `welcome`: 2xx. `answer`: another status. `strain`: 429 or 5xx. `timeout` and
 * `unreachable`: no answer in time, no connection. `broken`: no HTTP. `none`: it was cut short, or hindered by a fault of
 * our own, and counts against nobody.
 */
export type HostSign = "welcome" | "answer" | "strain" | "timeout" | "unreachable" | "broken" | "none";

/** `undefined`: the attempt was cut short, or nothing was sent. */
export function readSign(answer: AttemptAnswer | undefined): HostSign {
  if (answer === undefined || answer.kind === "hindered") return "none";
  if (answer.kind === "failed") return answer.fault;
  if (answer.status >= 200 && answer.status <= 299) return "welcome";
  return answer.status === 429 || answer.status >= 500 ? "strain" : "answer";
}

/** Whether it is the host that is in trouble, and not this one callback. */
export function isHostTrouble(sign: HostSign): boolean {
  return sign === "strain" || sign === "timeout" || sign === "unreachable";
}
