import { setTimeout } from "node:timers/promises";

import type { Publisher } from "../support/publisher.ts";
import type { Ask } from "./ask.ts";
import type { Crew, Member } from "./crew.ts";
import type { Expectation } from "./ledger.ts";

export type Stage = {
  readonly ask: Ask;
  readonly crew: Crew;
  readonly publisher: Publisher;
  readonly random: () => number;
  readonly origins: readonly string[];
  /** Pings that were not accepted, by what came instead. */
  readonly refusals: Map<string, number>;
};

const pauseMs = 50;
const patienceMs = 10_000;

/** One subscriber of the topic asks for itself; the others are there as if they had asked and been verified too. */
export async function subscribeAll(stage: Stage, { path, policy, subscribers }: Expectation): Promise<void> {
  const { ask, crew, publisher, origins } = stage;
  const topic = publisher.topic(path);
  const [first] = crew.members;
  if (first === undefined) throw new Error("nobody to ask");
  const form = { "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": `${origins[0]}${path}/0` };
  const status = await post(first, form);
  if (status !== "202") throw new Error(`the subscription was answered ${status}`);
  while ((await ask("SELECT 1 FROM subscriptions WHERE callback = $1", [form["hub.callback"]])).length === 0)
    await setTimeout(pauseMs);
  await ask(
    `INSERT INTO subscriptions (topic_id, first_seq, callback, verified_at, expires_at)
     SELECT topic_id, first_seq, ($2::text[])[1 + n % $3::int] || $4 || '/' || n, verified_at, expires_at
       FROM subscriptions, generate_series(1, $5::int) n WHERE callback = $1`,
    [form["hub.callback"], origins, origins.length, path, subscribers - 1],
  );
  await ask("UPDATE topics SET subscribers = $2, policy = $3 WHERE url = $1", [topic, subscribers, policy]);
}

/** Publishes a version: pings until a ping is accepted, and waits until that has led to what was promised. */
export async function publish(stage: Stage, { path }: Expectation, version: number): Promise<void> {
  const { ask, crew, publisher, random, refusals } = stage;
  const topic = publisher.topic(path);
  publisher.serve(path, { body: `version ${version}` });
  for (;;) {
    const member = crew.running[Math.floor(random() * crew.running.length)];
    const answer = member === undefined ? "nobody" : await post(member, { "hub.mode": "publish", "hub.url": topic });
    if (answer === "204") break;
    refusals.set(answer, (refusals.get(answer) ?? 0) + 1);
    await setTimeout(pauseMs);
  }
  const stored = "SELECT 1 FROM topics WHERE url = $1 AND last_seq >= $2";
  while ((await ask(stored, [topic, version])).length === 0) await setTimeout(pauseMs);
}

async function post({ hub }: Member, form: Readonly<Record<string, string>>): Promise<string> {
  const request = { method: "POST", body: new URLSearchParams(form), signal: AbortSignal.timeout(patienceMs) };
  try {
    return String((await fetch(hub.url, request)).status);
  } catch {
    return "no answer";
  }
}
