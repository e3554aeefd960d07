import { capsOf, createHubSteps, noticesPerMinuteOf } from "./accepting.ts";
import type { Blocks } from "./blocks.ts";
import type { Config } from "./config.ts";
import { createDistribution } from "./distribute/distribution.ts";
import type { KnownHosts } from "./distribute/hosts.ts";
import { denyUnadvertised } from "./fetch/accept-topic.ts";
import { fetchDue } from "./fetch/fetch-due.ts";
import { fetchTopic } from "./fetch/fetch-topic.ts";
import { noValidators } from "./fetch/keep-validators.ts";
import type { HubSteps } from "./http/hub-endpoint.ts";
import type { HubAddress } from "./hub-address.ts";
import type { Log } from "./log.ts";
import type { IntentClaim } from "./model/intent.ts";
import { hostOf } from "./model/origin.ts";
import { passesLists } from "./model/url-pattern.ts";
import type { Post } from "./distribute/post.ts";
import type { Outbound } from "./outbound/outbound.ts";
import type { Room } from "./room.ts";
import type { Store } from "./store/store.ts";
import { createEndBlocked } from "./upkeep/end-blocked.ts";
import { createKeepTime } from "./upkeep/keep-time.ts";
import { createUpkeep } from "./upkeep/upkeep.ts";
import { createPacer } from "./verify/pacer.ts";
import { verifyDue } from "./verify/verify-due.ts";
import type { Validation } from "./verify/verify-intent.ts";
import { version } from "./version.ts";
import { Bell } from "./work/bell.ts";
import { ByteBudget } from "./work/byte-budget.ts";
import type { HubClock } from "./work/hub-clock.ts";
import { Pool } from "./work/pool.ts";
import type { Worker } from "./workers.ts";
import { Turns } from "./work/turns.ts";

export type StageDeps = {
  readonly config: Config;
  readonly clock: HubClock;
  readonly log: Log;
  readonly random: () => number;
  readonly store: Store;
  readonly outbound: Outbound;
  /** Signs and sends deliveries. */
  readonly post: Post;
  readonly address: HubAddress;
  readonly knownHosts: KnownHosts;
  readonly room: Room;
  readonly blocks: Blocks;
  readonly signals: { readonly stopping: AbortSignal; readonly cut: AbortSignal };
};

export type Stages = {
  readonly address: HubAddress;
  readonly hub: HubSteps;
  readonly workers: readonly Worker[];
};

const mostVerifications = 256;
const verificationsPerHost = 4;
const mostFetches = 64;
const fetchesPerHost = 4;
/** For all bodies over 256 KiB on their way from a publisher to the disk. */
const mostFetchedBytes = { medium: 8 * 1024 * 1024, large: 16 * 1024 * 1024 };
const pollMs = 500;
const upkeepMs = 5000;

/** Wires the pipeline of DESIGN 3. A stage ends by writing a row; all it does for the next one is to ring its bell. */
export function createStages(deps: StageDeps): Stages {
  const { config, clock, log, store, address, blocks } = deps;
  const bells = {
    verify: new Bell(clock),
    fetch: new Bell(clock),
    fanOut: new Bell(clock),
    catchUp: new Bell(clock),
    hosts: new Bell(clock),
    upkeep: new Bell(clock),
    room: new Bell(clock),
    blocks: new Bell(clock),
    time: new Bell(clock),
  };
  const onError = (err: unknown) => {
    log.error({ err }, "a piece of work failed");
  };
  const minIntervalMs = config.fetchMinIntervalSeconds * 1000;
  /** A ping may be due only when the topic's minimum interval is over; beyond the poll that finds it anyway. */
  const ringLater = createRingLater(clock, bells.fetch, Math.min(minIntervalMs, pollMs));
  const nudgeFetch = () => {
    bells.fetch.ring();
    ringLater();
  };
  store.listen(() => bells.fanOut.ring());
  const fetching = fetchDeps(deps);
  const verify = createVerification(deps, fetching, bells.verify, onError);
  const fetch = createFetching(deps, fetching, bells, nudgeFetch, onError);
  const { fanOut, catchUp, tendHosts } = createDelivery(deps, bells, onError);
  const nudgeVerification = () => bells.verify.ring();
  const noticesPerMinute = noticesPerMinuteOf(config);
  const endBlocked = createEndBlocked({ store, blocks, log, noticesPerMinute, nudgeVerification });
  const ageTime = (now: Date) => clock.ageTime(now);
  const keepTime = createKeepTime({ store, clock, log });
  return {
    address,
    hub: createHubSteps(deps, { minIntervalMs, nudgeFetch, nudgeVerification }),
    workers: [
      { name: "verify", bell: bells.verify, step: verify.step, pollMs, pool: verify },
      { name: "fetch", bell: bells.fetch, step: fetch.step, pollMs, pool: fetch },
      { name: "fan-out", bell: bells.fanOut, step: fanOut.step, pollMs, pool: fanOut },
      { name: "catch-up", bell: bells.catchUp, step: catchUp.step, pollMs, pool: catchUp },
      { name: "hosts", bell: bells.hosts, step: tendHosts, pollMs: upkeepMs },
      { name: "room", bell: bells.room, step: deps.room.measure, pollMs: upkeepMs },
      { name: "blocks", bell: bells.blocks, step: endBlocked, pollMs: upkeepMs },
      { name: "upkeep", bell: bells.upkeep, step: createUpkeep(store, ageTime), pollMs: upkeepMs },
      { name: "time", bell: bells.time, step: keepTime, pollMs: upkeepMs },
    ],
  };
}

/** One ring `ms` after the first of any number of calls. */
function createRingLater(clock: HubClock, bell: Bell, ms: number): () => void {
  let isSet = false;
  return () => {
    if (isSet || ms === 0) return;
    isSet = true;
    clock.after(ms, () => {
      isSet = false;
      bell.ring();
    });
  };
}

type Bells = Readonly<Record<"fetch" | "fanOut" | "catchUp" | "hosts", Bell>>;
type OnError = (error: unknown) => void;

/** A hub that is told to have little in flight, or may open few files, has little of everything. */
function shareOf(maxInFlight: number, most: number, of: number): number {
  return Math.min(most, Math.ceil(maxInFlight / of));
}

function createVerification(deps: StageDeps, fetching: Fetching, bell: Bell, onError: OnError) {
  const { config, clock, log, store, outbound, signals } = deps;
  const nudgeVerification = () => bell.ring();
  const { subscriptions: subscriptionsPerHost, perMinute } = capsOf(config);
  const settling = { intents: store.intents, subscriptionsPerHost, log, nudgeVerification };
  const verifying = { ...settling, outbound, clock, validate: createValidate(deps, fetching) };
  const pacer = createPacer(clock, perMinute);
  return new Pool({
    limit: shareOf(config.maxInFlight, mostVerifications, 4),
    async claim(free, now) {
      const intents = await store.intents.claimIntents(free, verificationsPerHost, now, pacer.listSpent());
      for (const { callback } of intents) pacer.take(callback);
      return intents;
    },
    handle: (intent) =>
      signals.stopping.aborted ? store.intents.release(intent) : verifyDue(verifying, intent, signals.cut),
    onRoom: nudgeVerification,
    onError,
  });
}

/** Blocks, and validation with the publisher (§5.2), who is not asked unless the operator wants it. */
function createValidate({ config, address, blocks }: StageDeps, fetching: Fetching) {
  return async (intent: IntentClaim, signal: AbortSignal): Promise<Validation> => {
    const { topic } = intent;
    const blocked = blocks.reasonFor(intent);
    if (blocked !== undefined) return { kind: "denied", reason: blocked };
    if (config.topicPolicy === "open") return { kind: "accepted" };
    using share = fetching.budget.open(hostOf(topic));
    const request = { url: topic, validators: noValidators, subscribers: 0, share };
    const answer = await fetchTopic(fetching, request, signal);
    if (answer.kind === "hindered") return { kind: "hindered", detail: answer.reason };
    if (answer.kind === "forbidden") return { kind: "denied", reason: `the topic cannot be checked: ${answer.reason}` };
    if (answer.kind !== "content") {
      return { kind: "unavailable", detail: answer.kind === "failed" ? answer.reason : "it answered 304 unasked" };
    }
    const reason = denyUnadvertised(answer.content.links, topic, address.urls);
    return reason === undefined ? { kind: "accepted" } : { kind: "denied", reason };
  };
}

type Fetching = ReturnType<typeof fetchDeps>;

function fetchDeps({ config, clock, outbound, address, blocks }: StageDeps) {
  const budget = new ByteBudget(clock, mostFetchedBytes);
  const refuse = (url: URL) => refuseDetour(url, config, address, blocks);
  const turns = new Turns();
  return { outbound, clock, budget, turns, maxBytes: config.topicMaxBytes, version, publicUrl: address.url, refuse };
}

/** What a redirect of a topic may not lead to, in the words of fetchTopic. Addresses are the door's to judge. */
function refuseDetour(
  url: URL,
  { topicAllow, topicDeny }: Config,
  address: HubAddress,
  blocks: Blocks,
): string | undefined {
  if (address.contains(url)) return "that leads to this hub itself";
  const isServed = passesLists(url, topicAllow, topicDeny) && blocks.ofTopic(url.href) === undefined;
  return isServed ? undefined : "that is not a topic this hub serves";
}

function createFetching(deps: StageDeps, fetching: Fetching, bells: Bells, nudgeFetch: () => void, onError: OnError) {
  const { config, log, store, signals } = deps;
  const minIntervalMs = config.fetchMinIntervalSeconds * 1000;
  const nudgeFanOut = () => bells.fanOut.ring();
  const due = { ...fetching, topics: store.topics, log, minIntervalMs, nudgeFetch, nudgeFanOut };
  return new Pool({
    limit: shareOf(config.maxInFlight, mostFetches, 16),
    claim: (free, now) => store.topics.claimFetches(free, fetchesPerHost, now),
    handle: (claim) => (signals.stopping.aborted ? store.topics.release(claim) : fetchDue(due, claim, signals.cut)),
    onRoom: () => bells.fetch.ring(),
    onError,
  });
}

function createDelivery(deps: StageDeps, bells: Bells, onError: OnError) {
  const { config, clock, log, random, store, post, signals } = deps;
  return createDistribution({
    ...signals,
    store,
    post,
    clock,
    log,
    total: config.maxInFlight,
    perOrigin: config.hostConcurrency,
    known: deps.knownHosts,
    judge: { retry: { delaysMs: config.retryDelaysSeconds.map((seconds) => seconds * 1000) }, random },
    nudge: {
      fanOut: () => bells.fanOut.ring(),
      catchUp: () => bells.catchUp.ring(),
      hosts: () => bells.hosts.ring(),
    },
    onError,
  });
}
