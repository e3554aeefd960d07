import type { Answer, Answering } from "./peer.ts";

/** Gives these answers one after the other, a number being a status, and the last one for ever. */
export function inTurn(...answers: readonly (number | Answer | "hang")[]): Answering {
  let next = 0;
  return () => {
    const answer = answers[Math.min(next, answers.length - 1)] ?? 204;
    next += 1;
    return typeof answer === "number" ? { status: answer } : answer;
  };
}
