import { expect, test } from "vitest";

import { judgeAttempt } from "../src/distribute/judge-attempt.ts";
import type { AttemptAnswer } from "../src/model/delivery.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const HOUR_MS = 3_600_000;
const SCHEDULE = { delaysMs: [5, 60, 300, 1800, 7200, 18_000, 36_000].map((seconds) => seconds * 1000) };

function failed(fault: "unreachable" | "timeout" | "broken"): AttemptAnswer {
  return { kind: "failed", fault, reason: "refused: nobody" };
}

function answered(status: number, retryAfterSeconds?: number): AttemptAnswer {
  return { kind: "answered", status, retryAfterSeconds };
}

const delivery = { topicId: 1, seq: 7, subscriptionId: 3, generation: 2 };

function outcomeOf(answer: AttemptAnswer, attempt: number, retryAt?: Date) {
  const policy = { retry: SCHEDULE, random: () => 0 };
  const before = { ...delivery, attempts: attempt - 1, ...(retryAt && { retryAt }) };
  return judgeAttempt(before, { answer, at: NOW, durationMs: 12 }, NOW, policy).outcome;
}

test("§7 every 2xx, and nothing else, is a delivery", () => {
  const all = Array.from({ length: 500 }, (_, index) => index + 100);
  const delivered = all.filter((status) => outcomeOf(answered(status), 1).kind === "delivered");
  expect(delivered).toEqual(all.filter((status) => status >= 200 && status <= 299));
});

test("§7 a fault of our own uses up nothing of the schedule: tried again a minute later, as if it had not been", () => {
  expect(outcomeOf({ kind: "hindered", reason: "exhausted: no descriptors" }, 8)).toEqual({
    kind: "failed",
    attempts: 7,
    dueAt: new Date(NOW.getTime() + 60_000),
    hastenedBy: "nothing",
  });
});

test.each([
  { status: 500, hastenedBy: "recovery" },
  { status: 404, hastenedBy: "nothing" },
])("§7 a $status to an attempt that was made before its time uses up nothing", ({ status, hastenedBy }) => {
  const due = new Date(NOW.getTime() + HOUR_MS);
  expect(outcomeOf(answered(status), 8, due)).toEqual({ kind: "failed", attempts: 7, dueAt: due, hastenedBy });
  expect(outcomeOf(answered(410), 1, due)).toMatchObject({ kind: "gone", generation: 2 });
  expect(outcomeOf(answered(204), 1, due)).toEqual({ kind: "delivered" });
});

test("§7 an attempt that was made little before its time is not followed at once by the next", () => {
  const dueAt = new Date(NOW.getTime() + 5000);
  expect(outcomeOf(answered(500), 3, new Date(NOW.getTime() + 1))).toMatchObject({ attempts: 2, dueAt });
});

test.each([
  { what: "a 500", answer: answered(500), hastenedBy: "success" },
  { what: "a 503", answer: answered(503), hastenedBy: "success" },
  { what: "a 503 that asks for a time", answer: answered(503, 60), hastenedBy: "nothing" },
  { what: "a 429", answer: answered(429), hastenedBy: "nothing" },
  { what: "a 404", answer: answered(404), hastenedBy: "nothing" },
  { what: "a timeout", answer: failed("timeout"), hastenedBy: "success" },
  { what: "a refused connection", answer: failed("unreachable"), hastenedBy: "success" },
  { what: "an answer that is no HTTP", answer: failed("broken"), hastenedBy: "nothing" },
])("§7 after $what the retry is hastened by $hastenedBy", ({ answer, hastenedBy }) => {
  expect(outcomeOf(answer, 1)).toMatchObject({ hastenedBy });
});

test("§7 of all answers 410 alone ends the subscription", () => {
  const all = Array.from({ length: 500 }, (_, index) => index + 100);
  expect(all.filter((status) => outcomeOf(answered(status), 1).kind === "gone")).toEqual([410]);
  expect(outcomeOf(answered(410), 1)).toEqual({
    kind: "gone",
    attempts: 1,
    dueAt: new Date(NOW.getTime() + 5000), // for the case that it was renewed meanwhile
    hastenedBy: "nothing",
    generation: 2,
  });
  expect(outcomeOf(answered(410), 8).kind).toBe("gone"); // also when the schedule is used up
});

test.each([
  { attempt: 1, kind: "failed", waitMs: 5000 },
  { attempt: 7, kind: "failed", waitMs: 36_000_000 },
  { attempt: 8, kind: "given_up", waitMs: 36_000_000 },
  { attempt: 9, kind: "failed", waitMs: 36_000_000 }, // of what is owed next
])("§7 failed attempt $attempt", ({ attempt, kind, waitMs }) => {
  const dueAt = new Date(NOW.getTime() + waitMs);
  const outcome = { kind, attempts: attempt, dueAt, hastenedBy: "success" };
  expect(outcomeOf(failed("unreachable"), attempt)).toEqual(outcome);
  expect(outcomeOf(answered(500), attempt)).toEqual(outcome);
});

test("§7 the log says which delivery it was, and the status or the reason", () => {
  const judge = { retry: SCHEDULE, random: () => 0 };
  const of = (answer: AttemptAnswer) =>
    judgeAttempt({ ...delivery, attempts: 1 }, { answer, at: NOW, durationMs: 12 }, NOW, judge).record;
  const common = { topicId: 1, seq: 7, subscriptionId: 3, count: 1, attempt: 2, at: NOW, durationMs: 12 };
  expect(of(answered(204))).toEqual({ ...common, outcome: "delivered", status: 204, reason: undefined });
  expect(of(failed("unreachable"))).toEqual({
    ...common,
    outcome: "failed",
    status: undefined,
    reason: "refused: nobody",
  });
});
