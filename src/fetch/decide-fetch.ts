import type { FetchClaim, FetchOutcome } from "../model/topic.ts";
import type { TopicAnswer } from "./fetch-topic.ts";
import { fingerprint } from "./fingerprint.ts";

const retryDelaysSeconds: readonly number[] = [5, 30, 120, 600, 3600];

/**
 * What a claimed fetch came to. Policy: content counts as changed when its type or its bytes differ
 * from those last seen. A failed fetch is tried again after 5 s to 1 h, five times in all; then
 * `retryAt` is absent and the topic waits for its next ping.
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
    case "failed":
      return { kind: "failed", reason: answer.reason, retryAt: retryAt(claim.failures, now) };
  }
}

function retryAt(failuresBefore: number, now: Date): Date | undefined {
  const delaySeconds = retryDelaysSeconds[failuresBefore];
  return delaySeconds === undefined ? undefined : new Date(now.getTime() + delaySeconds * 1000);
}
