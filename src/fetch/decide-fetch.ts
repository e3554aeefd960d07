import type { FetchClaim, FetchOutcome } from "../model/topic.ts";
import { ownFaultPauseMs } from "../outbound/outbound.ts";
import type { TopicAnswer } from "./fetch-topic.ts";
import { fingerprint } from "./fingerprint.ts";

const retryDelaysSeconds: readonly number[] = [5, 30, 120, 600, 3600];

/**
 * What a claimed fetch came to. Policy: content counts as changed when its type or its bytes differ
 * from those last seen. A failed fetch is tried again after 5 s to 1 h, five times in all; then
 * `retryAt` is absent and the topic waits for its next ping. One that a fault of our own hindered counts
 * as no failure and is tried again without end: a ping that was accepted comes to a fetch (promise B).
 */
export function decideFetch(answer: TopicAnswer, claim: FetchClaim, now: Date): FetchOutcome {
  switch (answer.kind) {
    case "content": {
      const { content, validators } = answer;
      const seen = fingerprint(content);
      if (seen === claim.fingerprint) return { kind: "unchanged", validators };
      return { kind: "changed", content, fingerprint: seen, validators };
    }
    case "not_modified":
      return { kind: "unchanged", validators: answer.validators };
    case "forbidden":
    case "failed": {
      const failures = claim.failures + 1;
      return { kind: "failed", reason: answer.reason, failures, retryAt: retryAt(claim.failures, now) };
    }
    case "hindered": {
      const retry = new Date(now.getTime() + ownFaultPauseMs);
      return { kind: "failed", reason: answer.reason, failures: claim.failures, retryAt: retry };
    }
  }
}

function retryAt(failuresBefore: number, now: Date): Date | undefined {
  const delaySeconds = retryDelaysSeconds[failuresBefore];
  return delaySeconds === undefined ? undefined : new Date(now.getTime() + delaySeconds * 1000);
}
