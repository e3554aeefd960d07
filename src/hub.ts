import { setTimeout as pause } from "node:timers/promises";

import type { AdminToken } from "./admin-token.ts";
import { Blocks, refuseBlocked } from "./blocks.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { boundConnections, boundInFlight, boundSockets, shareSockets } from "./descriptor-budget.ts";
import { openDeliveryPost } from "./delivery-post.ts";
import type { HeaderPolicy } from "./distribute/delivery-headers.ts";
import { openFront } from "./front.ts";
import type { Listening } from "./http/listen.ts";
import { createHubClock } from "./hub-clock.ts";
import { createHubAddress, type HubAddress } from "./hub-address.ts";
import { createLog, type Log } from "./log.ts";
import { countAttempts, countSettled } from "./metrics/count-work.ts";
import { Counts } from "./metrics/counts.ts";
import { readDescriptorLimit } from "./outbound/descriptor-limit.ts";
import type { Resolve } from "./outbound/guarded-lookup.ts";
import { createOutbound } from "./outbound/create-outbound.ts";
import { openStore } from "./open-store.ts";
import { createRoom, type Room, type RoomLimits } from "./room.ts";
import { createStages, type Stages } from "./stages.ts";
import type { Store } from "./store/store.ts";
import { version } from "./version.ts";
import { CleanupStack } from "./work/cleanup-stack.ts";
import type { HubClock } from "./work/hub-clock.ts";
import { drainWorkers, finishWorkers, runWorkers } from "./workers.ts";

/** What a test may put in place of the real thing. */
export type Overrides = {
  readonly clock?: Clock;
  readonly log?: Log;
  /** In [0, 1): jitter. */
  readonly random?: () => number;
  /** Absent: the hub's own (resolver.ts). */
  readonly resolve?: Resolve;
  /** How long claims last where they have an end. */
  readonly leaseMs?: number;
  /** The workers do not run by themselves; `drain` steps them. */
  readonly manual?: boolean;
  /** How many requests may wait to be verified, whoever sent them. */
  readonly mostPending?: number;
};

/** A hub that is running. Disposing it is promise E: what is in flight finishes or is handed back within 10 s. */
export type Hub = AsyncDisposable & {
  /** Listens, and starts to work. Rejects, with nothing left open, when the address or the database cannot be used. */
  start(): Promise<void>;
  /** The hub URL (§4); known once started. */
  readonly url: string;
  readonly listening: { readonly host: string; readonly port: number };
  /** What opens the admin surface, and the port that it is on. */
  readonly admin: { readonly token: AdminToken; readonly port: number };
  readonly store: Store;
  /** Steps the workers until nothing is due and nothing is in flight. */
  drain(): Promise<void>;
};

/** Attempts that take longer are cut short when the hub ends. Leaves time to write down what was learnt. */
const finishMs = 6000;
/**
 * A store that does not answer is waited for no longer: what could not be given back is others' when its lease is over. Leaves a
 * second to close it, and one for what keeps the process busy then.
 */
const longestFinishMs = 7000;

/** Bounds what strangers can have the hub store, however many they are. */
const usualMostPending = 100_000;

/** The composition root: the only place that sees every part. */
export function createHub(config: Config, overrides: Overrides = {}): Hub {
  let running: RunningHub | undefined;
  const get = () => {
    if (running === undefined) throw new Error("the hub is not running");
    return running;
  };
  return {
    async start() {
      running = await startHub(config, overrides);
    },
    get url() {
      return get().stages.address.url;
    },
    get listening() {
      return get().listening;
    },
    get admin() {
      return get().admin;
    },
    get store() {
      return get().store;
    },
    drain: () => get().drain(),
    async [Symbol.asyncDispose]() {
      const ending = running;
      running = undefined;
      await ending?.[Symbol.asyncDispose]();
    },
  };
}

type RunningHub = AsyncDisposable & {
  readonly stages: Stages;
  readonly listening: Listening;
  readonly admin: Hub["admin"];
  readonly store: Store;
  readonly drain: () => Promise<void>;
};

async function startHub(config: Config, overrides: Overrides): Promise<RunningHub> {
  const stack = new CleanupStack();
  try {
    return await openParts(config, overrides, stack);
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}

async function openParts(given: Config, overrides: Overrides, stack: CleanupStack): Promise<RunningHub> {
  const { log = createLog(given.logLevel), random = Math.random, resolve } = overrides;
  const { config, sockets, mostConnections } = fitDescriptors(given, log);
  warnOfReach(config, log);
  const counts = new Counts();
  const clock = createHubClock(overrides.clock ?? systemClock, config, log);
  const store = countSettled(await openOwnStore({ config, clock, log }, overrides, stack), counts);
  const door = doorOf(config);
  const ours = { ...door, userAgent: `Carillon/${version}`, clock, maxSockets: sockets.main };
  const outbound = stack.use(createOutbound({ ...ours, ...(resolve && { resolve }) }));
  const stopping = new AbortController();
  const cut = new AbortController();
  const signals = { stopping: stopping.signal, cut: cut.signal };
  let [finish, finished] = [async () => {}, Promise.resolve()];
  let closePost: () => PromiseLike<void> = async () => {};
  stack.defer(() => finished.then(() => closePost()));
  const front = await openFront({ config, clock, log, store, counts, mostConnections }, stack);
  const { listening, adminListening } = front;
  const publicUrl = config.publicUrl ?? `http://localhost:${listening.port}/`;
  const address = createHubAddress(publicUrl, [listening, adminListening]);
  stack.defer(async () => {
    stopping.abort();
    finished = finish(); // its time runs while the front is closed, which may take seconds
  });
  const poster = { ...door, maxSockets: sockets.thread };
  const { secretKeys } = config;
  const posting = { headers: headersOf(config, address), poster, secretKeys, resolve, clock, cut: signals.cut };
  const deliveries = openDeliveryPost({
    ...posting,
    // A resolver that was put in place of the system's cannot cross threads.
    count: resolve === undefined ? config.deliveryThreads : 0,
    onError: (err) => log.error({ err }, "a delivery thread died; what it was sending is sent again"),
  });
  closePost = () => deliveries[Symbol.asyncDispose]();
  const blocks = await loadBlocks(store);
  const post = refuseBlocked(countAttempts(deliveries.post, clock, counts), blocks);
  const parts = { config, clock, log, random, store, outbound, post, address };
  const room = createRoom(store, roomLimits(config, overrides));
  const stages = createStages({ ...parts, knownHosts: await listKnownHosts(store), room, blocks, signals });
  front.serve(stages.hub, address.url, () => assertReady(room, store, clock));
  const working = overrides.manual ? Promise.resolve() : runWorkers(stages.workers, clock, log, stopping.signal);

  finish = () => finishInTime(working, stages.workers, cut);
  return {
    stages,
    listening,
    admin: { token: front.token, port: adminListening.port },
    store,
    drain: () => drainWorkers(stages.workers, clock, stopping.signal),
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

async function loadBlocks(store: Store): Promise<Blocks> {
  const blocks = new Blocks();
  blocks.load(await store.blocks.list());
  return blocks;
}

async function finishInTime(working: Promise<void>, workers: Stages["workers"], cut: AbortController): Promise<void> {
  const finished = working.then(() => finishWorkers(workers));
  const timer = setTimeout(() => {
    cut.abort();
  }, finishMs);
  await Promise.race([finished, pause(longestFinishMs, undefined, { ref: false })]);
  clearTimeout(timer);
}

function roomLimits({ dbMaxMb }: Config, { mostPending = usualMostPending }: Overrides): RoomLimits {
  return { maxBytes: dbMaxMb === undefined ? undefined : dbMaxMb * 1_000_000, mostPending };
}

async function assertReady(room: Room, store: Store, clock: HubClock): Promise<void> {
  room.assertSpace();
  await store.assertWritable(clock.livedUntil());
}

async function listKnownHosts({ hosts, behind }: Store) {
  return { shut: await hosts.listShut(), troubled: await behind.listTroubled() };
}

/** The store of this hub. The clock goes on from what it remembers. */
async function openOwnStore(
  { config, clock, log }: { readonly config: Config; readonly clock: HubClock; readonly log: Log },
  { leaseMs }: Overrides,
  stack: CleanupStack,
): Promise<Store> {
  const leaseTime = (now: Date) => clock.leaseTime(now);
  const onBackup = (copy: string) =>
    log.warn({ copy }, "the database was copied before it was migrated; the copy is yours to remove");
  const store = stack.use(await openStore(config, { leaseMs, leaseTime, onBackup }));
  clock.resume(await store.gaps.lastSeen(), await store.gaps.list());
  const endBeat = clock.beat();
  stack.defer(async () => endBeat());
  return store;
}

/** What the address guard of this hub does not do. */
function warnOfReach({ allowCidrs, egressProxy }: Config, log: Log): void {
  if (allowCidrs.length > 0)
    log.warn({ opened: allowCidrs }, "CARILLON_ALLOW_CIDRS is set: topics and callbacks may live in private networks");
  if (egressProxy !== undefined)
    log.warn("CARILLON_EGRESS_PROXY is set: names are for the proxy to resolve, and it must filter addresses itself");
}

function doorOf({ allowCidrs, egressProxy, hostConcurrency }: Config) {
  // The gate bounds deliveries; those beyond let verifications and fetches pass by deliveries that hang.
  const connectionsPerOrigin = hostConcurrency + 8;
  return { allowCidrs, egressProxy, connectionsPerOrigin };
}

function headersOf({ signatureMethod, signatureMethodByHost }: Config, { url, urls }: HubAddress): HeaderPolicy {
  const signatures = { fallback: signatureMethod, byHost: signatureMethodByHost };
  return { hubUrl: url, ourUrls: urls, userAgent: `Carillon/${version} (+${url})`, signatures };
}

/** The settings as far as the limit of open files leaves room for them. What it lowers is told. */
function fitDescriptors(config: Config, log: Log) {
  const descriptorLimit = readDescriptorLimit();
  const sockets = shareSockets(boundSockets(descriptorLimit), config.deliveryThreads);
  const wanted = config.maxInFlight * Math.max(1, config.deliveryThreads);
  const maxInFlight = boundInFlight(wanted, sockets.deliveries);
  if (maxInFlight < wanted) {
    const told = { setting: "CARILLON_MAX_IN_FLIGHT", value: config.maxInFlight, descriptorLimit, used: maxInFlight };
    log.warn(told, "CARILLON_MAX_IN_FLIGHT is more than the limit of open files allows: lowered");
  }
  return { config: { ...config, maxInFlight }, sockets, mostConnections: boundConnections(descriptorLimit) };
}
