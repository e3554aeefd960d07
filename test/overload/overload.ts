import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";

import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { startBenchHub } from "../bench/bench-hub.ts";
import { subscribe } from "../bench/seed.ts";
import { type Answers, type Form, offer } from "./load.ts";
import { openPeers, type Peers } from "./peers.ts";

export type OverloadOptions = { readonly seconds: number; readonly tell: (what: string) => void };

export type OverloadOutcome = {
  /** Of each kind, what the peers let the hub do in a second, and what it was asked for. */
  readonly sustainable: number;
  readonly offered: number;
  readonly subscribes: Answers;
  readonly pings: Answers;
  readonly idleMb: number;
  readonly mostMb: number;
  readonly stallMs: number;
  /** Until all that was accepted was done, once the peers took no time any more. */
  readonly doneAfterMs: number;
  /** What was promised and broken, in words. */
  readonly faults: readonly string[];
};

const hosts = 500;
const clients = 200;
/** So 256 verifications at a time are 500 a second, and 64 fetches. */
const pace = { verifyMs: 500, fetchMs: 125 };
const times = 10;
const warmUpSeconds = 5;
/** One in so many may be hung up on: whoever goes on when told to come later, and whoever is too slow to ask. */
const mostOdd = 100;
const patienceMs = 600_000;
/** DESIGN 2.2, but for verifications: each callback host may be asked ten times a second, or that would be all that is measured. */
const defaults = {
  REQUESTS_PER_MINUTE: "600",
  VERIFICATIONS_PER_MINUTE: "600",
  PENDING_PER_CLIENT: "1000",
  PENDING_PER_HOST: "10000",
  SUBSCRIPTIONS_PER_HOST: "100000",
  FETCH_MIN_INTERVAL_SECONDS: "1",
};
/** As the program is started. */
const env = { NODE_OPTIONS: "--max-semi-space-size=8" };
const most = { stallMs: 200, grownMb: 400 };

/**
 * First as many pings and subscriptions as hub and peers can do, then ten times as many. Promised: what was answered 2xx is done; what was not,
 * was told when to come again; memory is bounded, and the event loop never stands still for long.
 */
export async function overload({ seconds, tell }: OverloadOptions): Promise<OverloadOutcome> {
  await using stack = new AsyncDisposableStack();
  const peers = stack.use(await openPeers({ hosts, ...pace }));
  const folder = await mkdtemp(join(tmpdir(), "carillon-overload-"));
  stack.defer(() => rm(folder, { recursive: true }));
  const file = join(folder, "hub.db");
  await seed(file, peers);
  const hub = stack.use(await startBenchHub(file, defaults, { mostPending: 100_000, env }));
  const from = Array.from({ length: clients }, (_, i) => `127.5.0.${i + 1}`);
  let subscribed = 0;
  const load = { url: hub.url, from };
  const subscribing = { ...load, form: () => toSubscribe(peers, (subscribed += 1)) };
  const pinging = { ...load, form: (n: number) => toPing(peers, n) };

  await setTimeout(1000);
  const { mostMb: idleMb } = await hub.usage();
  const before = peers.verified.size + peers.fetches();
  const warmUp = { perSecond: 1000, seconds: warmUpSeconds };
  const early = await Promise.all([offer({ ...subscribing, ...warmUp }), offer({ ...pinging, ...warmUp })]);
  const sustainable = Math.round((peers.verified.size + peers.fetches() - before) / 2 / warmUpSeconds);
  const offered = times * sustainable;
  tell(`${sustainable} of each kind are done in a second; ${offered} are asked for`);
  await hub.begin();
  const flood = { perSecond: offered, seconds };
  const late = await Promise.all([offer({ ...subscribing, ...flood }), offer({ ...pinging, ...flood })]);
  const lastPingMs = performance.now();
  const usage = await hub.usage();
  tell(`${usage.loopStallMs.toFixed(0)} ms, ${usage.mostMb.toFixed(0)} MB; now all that was accepted is waited for`);
  peers.relent();
  const accepted = [early, late].flatMap(([subscribes]) => subscribes.accepted);
  const missing = () => accepted.filter((form) => !peers.verified.has(form["hub.callback"] ?? "")).length;
  const untilMs = lastPingMs + patienceMs;
  while ((missing() > 0 || stale(peers, late[1]) > 0) && performance.now() < untilMs) await setTimeout(250);
  const doneAfterMs = performance.now() - lastPingMs;
  const [subscribes, pings] = late;
  const found = {
    sustainable,
    offered,
    subscribes,
    pings,
    idleMb,
    mostMb: usage.mostMb,
    stallMs: usage.loopStallMs,
    doneAfterMs,
  };
  return { ...found, faults: judge(found, missing(), stale(peers, pings)) };
}

async function seed(file: string, { topics, proven }: Peers): Promise<void> {
  await using store = openSqliteStore(file, resolve(import.meta.dirname, "../../src/store/sqlite/migrations"));
  for (const [i, topic] of topics.entries()) await subscribe(store, topic, proven.slice(i, i + 1));
}

function toSubscribe({ topics, callback }: Peers, n: number): Form {
  return { "hub.mode": "subscribe", "hub.topic": topics[n % topics.length] ?? "", "hub.callback": callback(n) };
}

function toPing({ topics }: Peers, n: number): Form {
  return { "hub.mode": "publish", "hub.url": topics[n % topics.length] ?? "" };
}

/** Topics of an accepted ping whose last version has not come to who was subscribed from the start. */
function stale({ topics, proven, fetched, delivered }: Peers, { accepted }: Answers): number {
  const pinged = new Set(accepted.map((form) => form["hub.url"]));
  return topics.filter((topic, i) => {
    const last = fetched.get(topic);
    return pinged.has(topic) && (last === undefined || delivered.get(proven[i] ?? "") !== last.body);
  }).length;
}

function judge(
  { subscribes, pings, idleMb, mostMb, stallMs }: Omit<OverloadOutcome, "faults">,
  missing: number,
  staleTopics: number,
): readonly string[] {
  const answers = [subscribes, pings].flatMap(({ statuses }) => [...statuses]);
  const odd = answers.filter(([status]) => ![202, 204, 429, 503].includes(status));
  const count = (some: typeof answers) => some.reduce((sum, [, many]) => sum + many, 0);
  const mute = subscribes.mute + pings.mute;
  const refused = [429, 503].some((status) => subscribes.statuses.has(status) || pings.statuses.has(status));
  return [
    ...(refused ? [] : ["nothing was refused: it was no overload"]),
    ...(count(odd) * mostOdd > count(answers) ? [`answers of ${odd.map(([status]) => status).join(", ")}`] : []),
    ...(mute > 0 ? [`${mute} refusals without Retry-After`] : []),
    ...(missing > 0 ? [`${missing} accepted subscriptions were never verified`] : []),
    ...(staleTopics > 0 ? [`${staleTopics} pinged topics were not delivered`] : []),
    ...(stallMs > most.stallMs ? [`the event loop stood still for ${stallMs} ms`] : []),
    ...(mostMb - idleMb > most.grownMb ? [`${mostMb - idleMb} MB more than idle`] : []),
  ];
}
