import type { Clock } from "../../src/clock.ts";
import type { AttemptRecord } from "../../src/model/delivery.ts";
import type { Store } from "../../src/store/store.ts";
import { type Gate, pass } from "./gate.ts";
import type { Ledger } from "./ledger.ts";

/** The store as one process sees it, while the ledger follows what is committed, in that order. */
export function observeStore(store: Store, gate: Gate, ledger: Ledger, clock: Clock): Store {
  const { topics, intents, subscriptions, publications, fanOuts, behind, attempts, hosts, secrets, gaps } = store;
  /** What the ledger is to hear once it has heard what was given up before that: this is read from the log, which takes a while. */
  let untold: (() => void)[] | undefined;
  const readGivenUp = createReadGivenUp(store);
  const inTurn = (tell: () => void) => {
    if (untold === undefined) tell();
    else untold.push(tell);
  };
  const ask = <T>(call: () => Promise<T>, tell: (value: T) => void = () => undefined) =>
    pass(gate, call, (value) => inTurn(() => tell(value)));
  return {
    topics: {
      find: (url) => ask(() => topics.find(url)),
      ping: (urls, minIntervalMs, now) =>
        ask(
          () => topics.ping(urls, minIntervalMs, now),
          () => {
            ledger.ping(urls, now.getTime());
          },
        ),
      claimFetches: (...args) => ask(() => topics.claimFetches(...args)),
      settleFetch: (claim, outcome, minIntervalMs, now) =>
        ask(
          () => topics.settleFetch(claim, outcome, minIntervalMs, now),
          (isSettled) => {
            if (isSettled) ledger.publish(claim, outcome, now.getTime());
          },
        ),
      release: (claim) => ask(() => topics.release(claim)),
      setPolicy: (...args) => ask(() => topics.setPolicy(...args)),
      removeIdle: (limit) => ask(() => topics.removeIdle(limit)),
    },
    intents: {
      addIntent: (...args) => ask(() => intents.addIntent(...args)),
      claimIntents: (...args) => ask(() => intents.claimIntents(...args)),
      settleIntent: (claim, decision, now, most) =>
        ask(
          () => intents.settleIntent(claim, decision, now, most),
          (settled) => {
            if (settled === "settled") ledger.apply(claim, decision, now);
          },
        ),
      release: (claim) => ask(() => intents.release(claim)),
      countPending: () => ask(() => intents.countPending()),
      removeDropped: (...args) => ask(() => intents.removeDropped(...args)),
    },
    subscriptions: {
      find: (...args) => ask(() => subscriptions.find(...args)),
      endLapsed: (...args) => ask(() => subscriptions.endLapsed(...args)),
      vouch: (...args) => ask(() => subscriptions.vouch(...args)),
      remove: (topic, callback) =>
        ask(
          () => subscriptions.remove(topic, callback),
          () => {
            ledger.remove(topic, callback);
          },
        ),
    },
    publications: {
      load: (key) => ask(() => publications.load(key)),
      bodyBytes: (key) => ask(() => publications.bodyBytes(key)),
      removeSettled: (limit) => ask(() => publications.removeSettled(limit)),
    },
    fanOuts: {
      claimChunk: (now, except) =>
        ask(
          () => fanOuts.claimChunk(now, except),
          (claimed) => {
            if (claimed.kind === "chunk") ledger.cut(claimed.chunk, now);
          },
        ),
      checkpoint: (chunk, report, now) =>
        ask(
          () => fanOuts.checkpoint(chunk, report, now),
          (written) => {
            ledger.checkpoint(chunk, report, written, now);
          },
        ),
      release: (chunk) => ask(() => fanOuts.release(chunk)),
      isLaterWaiting: (key) => ask(() => fanOuts.isLaterWaiting(key)),
      progress: (key) => ask(() => fanOuts.progress(key)),
      removeDone: (...args) => ask(() => fanOuts.removeDone(...args)),
    },
    behind: {
      claimCatchUps: (limit, perOrigin, now, raised) =>
        ask(
          () => behind.claimCatchUps(limit, perOrigin, now, raised),
          (claims) => {
            ledger.claim(claims, now);
          },
        ),
      settleCatchUp: (claim, outcome, log, now) =>
        ask(
          () => behind.settleCatchUp(claim, outcome, log, now),
          (result) => {
            ledger.settle(claim, outcome, result, now);
          },
        ),
      claimProbes: (origins, now) =>
        ask(
          () => behind.claimProbes(origins, now),
          (claims) => {
            ledger.claimProbes(origins, claims, now);
          },
        ),
      release: (claim) =>
        ask(
          () => behind.release(claim),
          () => {
            ledger.release(claim);
          },
        ),
      hasten: (origin, by, limit, now) =>
        ask(
          () => behind.hasten(origin, by, limit, now),
          () => {
            ledger.hasten(origin, by);
          },
        ),
      listTroubled: () => ask(() => behind.listTroubled()),
      giveUpOld: async (before, limit, now) => {
        const given = await pass(
          gate,
          async () => {
            const count = await behind.giveUpOld(before, limit, now);
            if (count > 0) untold = [];
            return { count, records: count === 0 ? [] : await readGivenUp(ledger.topics.keys(), now) };
          },
          ({ records }) => {
            ledger.giveUpOld(records, now);
            const others = untold ?? [];
            untold = undefined;
            for (const tell of others) tell();
          },
        );
        return given.count;
      },
      removeSettled: (...args) => ask(() => behind.removeSettled(...args)),
    },
    hosts: {
      listShut: () => ask(() => hosts.listShut()),
      saveShut: (shut) =>
        ask(
          () => hosts.saveShut(shut),
          () => {
            ledger.hosts.saveShut(shut, clock.now().getTime());
          },
        ),
      saveOpen: (origins) =>
        ask(
          () => hosts.saveOpen(origins),
          () => {
            ledger.hosts.saveOpen(origins);
          },
        ),
    },
    secrets,
    attempts: {
      newest: (...args) => ask(() => attempts.newest(...args)),
      trim: (...args) => ask(() => attempts.trim(...args)),
    },
    blocks: store.blocks,
    gaps: {
      lastSeen: () => gaps.lastSeen(),
      list: () => gaps.list(),
      add: (...args) => ask(() => gaps.add(...args)),
    },
    figures: () => ask(() => store.figures()),
    leaseMs: store.leaseMs,
    listen: (onNews) => store.listen(onNews),
    measureBytes: () => ask(() => store.measureBytes()),
    shrink: () => ask(() => store.shrink()),
    assertWritable: (now) => ask(() => store.assertWritable(now)),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** Reads what has just been given up because it was owed for too long: what the log says of that moment and has not said before. */
function createReadGivenUp(store: Store): (topicIds: Iterable<number>, now: Date) => Promise<readonly AttemptRecord[]> {
  const read = new Map<string, number>();

  async function readNew(topicId: number, now: Date): Promise<readonly AttemptRecord[]> {
    const log = await store.attempts.newest(topicId, 100);
    const all = log.filter(({ at, reason }) => at.getTime() === now.getTime() && reason === "it was owed for 7 days");
    const moment = `${topicId} ${now.getTime()}`;
    const known = read.get(moment) ?? 0;
    read.set(moment, all.length);
    return all.slice(0, all.length - known);
  }

  return async (topicIds, now) => {
    const logs = await Promise.all(Array.from(topicIds, (topicId) => readNew(topicId, now)));
    return logs.flat();
  };
}
