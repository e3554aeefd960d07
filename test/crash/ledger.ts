import { createHmac } from "node:crypto";

import { bodyOf, type Pair } from "./pair.ts";
import type { Terms } from "./schedule.ts";

/** A POST to a callback. */
export type Arrival = {
  readonly version: number;
  readonly body: Buffer;
  readonly webhookId: string;
  readonly signature: string | undefined;
};

/** A request about a pair, and what is to become of that once it was acknowledged. */
type Asked = { readonly pair: Pair; readonly terms: Terms | undefined; isAcknowledged: boolean };

export type Figures = {
  acknowledged: number;
  unanswered: number;
  deliveries: number;
  repeats: number;
  /** The longest between a 2xx and the kill that has it repeated. */
  oldestRepeatMs: number;
};

/**
 * What finished so long before a kill may come again: checkpoints are 50 ms apart, and a machine that has others to serve takes
 * its time for them.
 */
const repeatableMs = 1000;
/** A request of a hub that was killed may be read a little later. */
const lastWordsMs = 250;
/** Between a request being sent and its arrival being noted. */
const leaseToleranceMs = 2000;
const mostFaults = 20;

/** What was acknowledged, what came, and what of it breaks a promise. An unanswered request is neither accepted nor refused. */
export class Ledger {
  readonly pairs = new Map<string, Pair>();
  readonly figures: Figures = { acknowledged: 0, unanswered: 0, deliveries: 0, repeats: 0, oldestRepeatMs: 0 };
  /** The first of them, in words. */
  readonly faults: string[] = [];
  /** By `performance.now()`. */
  readonly killedAtMs: number[] = [];
  #asked: Asked[] = [];

  readonly blame = (what: string): void => {
    if (this.faults.length < mostFaults) this.faults.push(what);
  };

  /** Those that a request may be about: in force for certain, and nothing is asked of them yet. */
  get free(): readonly Pair[] {
    const busy = new Set(this.#asked.map(({ pair }) => pair));
    return [...this.pairs.values()].filter((pair) => pair.demand === "alive" && !busy.has(pair));
  }

  /** A request is sent; `terms` are absent where it is to end. Returns what is to be done when it is acknowledged. */
  ask(pair: Pair, terms: Terms | undefined): () => void {
    const asked: Asked = { pair, terms, isAcknowledged: false };
    this.#asked.push(asked);
    if (terms !== undefined) pair.terms = [...pair.terms, terms];
    if (terms === undefined || pair.demand !== "alive") pair.demand = isHopeless(pair) ? "silent" : "either";
    return () => {
      asked.isAcknowledged = true;
    };
  }

  /** The hub is at rest: what was acknowledged has come true. */
  settle(): void {
    for (const { pair, terms, isAcknowledged } of this.#asked) {
      if (!isAcknowledged) continue;
      if (pair.isStranger && pair.denials === 0) this.blame(`${pair.callback} was never told that it is denied`);
      if (terms === undefined) pair.demand = "silent";
      else if (!isHopeless(pair)) {
        pair.demand = "alive";
        pair.terms = [terms];
      }
    }
    this.#asked = [];
  }

  begin(pair: Pair, arrival: Arrival): void {
    const { version, webhookId } = arrival;
    const who = `${pair.callback}, version ${version}`;
    if (pair.demand === "silent") this.blame(`${who}: nobody is subscribed there`);
    if (version < pair.newest) this.blame(`${who}: after version ${pair.newest}`);
    if (pair.open > 0) this.blame(`${who}: while another POST is open`);
    if (String(arrival.body) !== bodyOf(pair.topic, version)) this.blame(`${who}: the body is not whole`);
    if (!pair.terms.some((terms) => isSigned(arrival, terms))) this.blame(`${who}: signed ${arrival.signature}`);
    const known = pair.webhookIds.get(version);
    if (known !== undefined && known !== webhookId) this.blame(`${who}: again, with another Webhook-Id`);
    pair.webhookIds.set(version, webhookId);
    pair.newest = Math.max(pair.newest, version);
    pair.open += 1;
    this.#judgeRepeat(pair, version);
  }

  /** It was answered with 2xx. */
  take(pair: Pair, { version }: Arrival): void {
    this.figures.deliveries += 1;
    pair.taken.set(version, performance.now());
  }

  /** Promise B, before anything new is asked for. */
  checkPromised(proven: Iterable<Pair>): void {
    for (const pair of proven) {
      const { topic, callback, demand } = pair;
      const last = Math.max(0, ...pair.taken.keys());
      if (demand === "alive" && last < topic.promised)
        this.blame(`${callback} has version ${last} of ${topic.path}, and version ${topic.promised} was promised`);
    }
  }

  /** Every topic has been published once more since the hub is at rest: what nobody knew is known now. */
  prove(): void {
    this.checkPromised(this.pairs.values());
    for (const pair of this.pairs.values()) {
      if (pair.demand === "either") pair.demand = pair.taken.has(pair.topic.version) ? "alive" : "silent";
    }
  }

  /** Promise D: the leases of all subscriptions, by callback, run from when it was asked whether it wants them. */
  checkLeases(expiries: ReadonlyMap<string, number>): void {
    for (const { callback, demand, terms, challenges } of this.pairs.values()) {
      const expiresAtMs = expiries.get(callback);
      if ((expiresAtMs !== undefined) !== (demand === "alive"))
        this.blame(`${callback} is ${expiresAtMs === undefined ? "not " : ""}stored, and should be ${demand}`);
      if (expiresAtMs === undefined) continue;
      const isGranted = challenges.some(
        ({ leaseSeconds, atMs }) =>
          terms.some((one) => one.leaseSeconds === leaseSeconds) &&
          Math.abs(expiresAtMs - leaseSeconds * 1000 - atMs) < leaseToleranceMs,
      );
      if (!isGranted) this.blame(`${callback} has a lease that it was never asked about`);
    }
  }

  #judgeRepeat(pair: Pair, version: number): void {
    const takenMs = pair.taken.get(version);
    if (takenMs === undefined) return;
    const since = this.killedAtMs.map((killedMs) => killedMs - takenMs).filter((ms) => ms > -lastWordsMs);
    const sinceMs = Math.min(...since);
    if (sinceMs > repeatableMs) this.blame(`${pair.callback}, version ${version}: again, ${sinceMs} ms after a 2xx`);
    this.figures.repeats += 1;
    this.figures.oldestRepeatMs = Math.max(this.figures.oldestRepeatMs, sinceMs);
  }
}

/** It is never to be in force. */
function isHopeless({ confirms, isStranger }: Pair): boolean {
  return !confirms || isStranger;
}

function isSigned({ body, signature }: Arrival, { secret, signatureMethod }: Terms): boolean {
  if (secret === undefined) return signature === undefined;
  return signature === `${signatureMethod}=${createHmac(signatureMethod, secret).update(body).digest("hex")}`;
}
