import type { Store } from "../../src/store/store.ts";
import { type Gate, pass } from "./gate.ts";
import type { Ledger } from "./ledger.ts";

/** The store as one process sees it, while the ledger follows what is committed, in that order. */
export function observeStore(store: Store, gate: Gate, ledger: Ledger): Store {
  const { topics, intents, subscriptions, publications, fanOuts, behind, attempts } = store;
  const ask = <T>(call: () => Promise<T>, tell?: (value: T) => void) => pass(gate, call, tell);
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
      setPolicy: (...args) => ask(() => topics.setPolicy(...args)),
      removeIdle: (limit) => ask(() => topics.removeIdle(limit)),
    },
    intents: {
      addIntent: (...args) => ask(() => intents.addIntent(...args)),
      claimIntents: (...args) => ask(() => intents.claimIntents(...args)),
      settleIntent: (claim, decision, now) =>
        ask(
          () => intents.settleIntent(claim, decision, now),
          (isSettled) => {
            if (isSettled) ledger.apply(claim, decision, now);
          },
        ),
      removeDropped: (...args) => ask(() => intents.removeDropped(...args)),
    },
    subscriptions: {
      find: (...args) => ask(() => subscriptions.find(...args)),
      endLapsed: (...args) => ask(() => subscriptions.endLapsed(...args)),
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
      removeSettled: (limit) => ask(() => publications.removeSettled(limit)),
    },
    fanOuts: {
      claimChunk: (now) =>
        ask(
          () => fanOuts.claimChunk(now),
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
      isLaterWaiting: (key) => ask(() => fanOuts.isLaterWaiting(key)),
      progress: (key) => ask(() => fanOuts.progress(key)),
      removeDone: (...args) => ask(() => fanOuts.removeDone(...args)),
    },
    behind: {
      claimCatchUps: (limit, perOrigin, now) =>
        ask(
          () => behind.claimCatchUps(limit, perOrigin, now),
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
    },
    attempts: {
      newest: (...args) => ask(() => attempts.newest(...args)),
      trim: (...args) => ask(() => attempts.trim(...args)),
    },
    assertWritable: (now) => ask(() => store.assertWritable(now)),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
