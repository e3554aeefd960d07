import { setTimeout } from "node:timers/promises";

import { startTestServer } from "../support/postgres-server.ts";
import { openPublisher } from "../support/publisher.ts";
import { createRandom } from "../support/random.ts";
import { type Ask, openAsking } from "./ask.ts";
import { type Audience, type Mood, openAudience } from "./audience.ts";
import { endLeasesOf, noteClaims } from "./claims.ts";
import { Crew } from "./crew.ts";
import { type Arrival, type Expectation, type Figures, Ledger } from "./ledger.ts";
import { untilSettled } from "./settle.ts";
import { publish, type Stage, subscribeAll } from "./topic.ts";
import { type Trouble, troublesOf } from "./trouble.ts";

export type Play = {
  readonly nodes: number;
  /** Of the topic of which every version is owed; a tenth as many have the newest of another. */
  readonly subscribers: number;
  readonly versions: number;
  readonly troubles: readonly Trouble[];
  readonly seed: number;
  /**
   * Who is gone loses what it has claimed at once instead of after half a minute, and nobody is slow. What a node that was
   * stopped so shortly sends when it goes on is excused.
   */
  readonly isQuick: boolean;
  readonly tell: (what: string) => void;
};

export type Outcome = {
  readonly owed: number;
  readonly figures: Readonly<Figures>;
  /** Promises that were broken, in words. */
  readonly faults: readonly string[];
  readonly refusals: Readonly<Record<string, number>>;
  readonly peaksMb: readonly number[];
  readonly exitCodes: readonly (number | null)[];
};

/** Long enough for a lease to end and a poll to come. With these a node that was stopped for 2 s knows that its claims may be lost. */
const quickLeaseMs = 17_000;
const pollMs = 20;
/** After a node was let go on. */
const excusedMs = 2000;

/** Several processes on one database deliver while some of them, and the database, are taken away. */
export async function play(given: Play): Promise<Outcome> {
  await using stack = new AsyncDisposableStack();
  const random = createRandom(given.seed);
  const { subscribers, versions, isQuick } = given;
  const topics: readonly Expectation[] = [
    { path: "/every", policy: "every", subscribers, versions },
    { path: "/latest", policy: "latest", subscribers: Math.ceil(subscribers / 10), versions },
  ];
  const ledger = new Ledger(topics);
  const server = stack.use(await startTestServer({ autovacuum: "on", synchronous_commit: "on" }));
  const { ask } = stack.use(openAsking(server.url));
  const publisher = stack.use(await openPublisher());
  const tell: Play["tell"] = (what) => given.tell(`${what}; ${ledger.taken} taken, ${ledger.figures.repeats} repeats`);
  const isExcused = ({ node }: Arrival) =>
    isQuick && performance.now() - (crew.find(node)?.resumedMs ?? -Infinity) < excusedMs;
  const moodOf = (arrival: Arrival, isFirst: boolean) => decideMood(given, arrival, isFirst);
  const audience: Audience = stack.use(await openAudience({ origins: isQuick ? 4 : 32, ledger, moodOf, isExcused }));
  const crew = stack.use(await Crew.start(server.url, given.nodes, isQuick ? { leaseMs: quickLeaseMs } : {}));
  if (isQuick) await noteClaims(ask);
  const stage: Stage = { ask, crew, publisher, random, origins: audience.origins, refusals: new Map() };
  for (const topic of topics) await subscribeAll(stage, topic);
  tell(`${subscribers} subscribers, ${versions} versions, ${given.nodes} nodes`);

  const over = new AbortController();
  const scene = { ...given, tell, ask, crew, server, random, busiest: () => ledger.lastNode, blame: ledger.blame };
  const reached = (share: number) => untilTaken(ledger, share * ledger.owed, isQuick);
  const reaping = isQuick ? reap(ask, crew, over.signal) : Promise.resolve();
  await Promise.all([publishAll(stage, topics, reached), ...troublesOf(scene, reached)]);
  await reached(1);
  tell("that is all");
  const faults = [...(await untilSettled(ask)), ...ledger.faults, ...ledger.missing()];
  over.abort();
  await reaping;
  const peaksMb = await crew.peaksMb();
  const exitCodes = await crew.end();
  const refusals = Object.fromEntries(stage.refusals);
  return { owed: ledger.owed, figures: ledger.figures, faults, refusals, peaksMb, exitCodes };
}

/** The next version comes while about half of the one before is still to be delivered. */
async function publishAll(
  stage: Stage,
  topics: readonly Expectation[],
  reached: (share: number) => Promise<void>,
): Promise<void> {
  const versions = topics[0]?.versions ?? 0;
  for (let version = 1; version <= versions; version += 1) {
    await reached(Math.max(0, version - 1.5) / (versions + 1));
    for (const topic of topics) await publish(stage, topic, version);
  }
}

/** Returns also when nothing comes any more: what is missing is then told. */
async function untilTaken(ledger: Ledger, count: number, isQuick: boolean): Promise<void> {
  const patienceMs = isQuick ? 40_000 : 180_000;
  let seen = -1;
  let sinceMs = performance.now();
  while (ledger.taken < count) {
    if (ledger.taken !== seen) sinceMs = performance.now();
    else if (performance.now() - sinceMs > patienceMs) return;
    seen = ledger.taken;
    await setTimeout(pollMs);
  }
}

/** Half a minute goes by for whoever is gone. Not at once: what it has on its way is answered before others send it again. */
async function reap(ask: Ask, { members }: Crew, signal: AbortSignal): Promise<void> {
  const goneSinceMs = new Map<string, number>();
  while (!signal.aborted) {
    for (const { name, state } of members) {
      if (state === "running") goneSinceMs.delete(name);
      else if (!goneSinceMs.has(name)) goneSinceMs.set(name, performance.now());
      else if (performance.now() - (goneSinceMs.get(name) ?? 0) > 1000) await endLeasesOf(ask, name);
    }
    await setTimeout(200);
  }
}

/** One in a hundred fails at first, and one in five hundred takes longer than a chunk waits. */
function decideMood({ seed, isQuick }: Play, { subscriber, version }: Arrival, isFirst: boolean): Mood {
  const draw = createRandom(seed + subscriber * 31 + version)();
  if (draw < 0.01) return { fails: isFirst };
  return draw < 0.012 && !isQuick ? { delayMs: 2500 } : {};
}
