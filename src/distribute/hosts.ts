import type { Clock } from "../clock.ts";
import type { ShutHost } from "../model/host.ts";
import { countAttempt, isLost, isTripped, longestPauseMs, type OpenBreaker, openBreaker } from "./breaker.ts";
import { type Recent, settleProbe, startRecent } from "./breaker.ts";
import type { HostNews, Recovery } from "./host-news.ts";
import type { HostSign } from "./host-sign.ts";
import { nextPace, type Pace, startPace } from "./pace.ts";

type Health = { pace: Pace; recent: Recent; usedMs: number };
type Shut = { breaker: OpenBreaker; isProbing: boolean };

/** What the store knows at start. */
export type KnownHosts = {
  readonly shut: readonly ShutHost[];
  /** Origins where something waits that may be hastened. */
  readonly troubled: readonly string[];
};

/** A pace that was not used for so long begins anew; it grows back within a few answers. */
const forgetPaceMs = 10_000;
const forgetMs = 60_000;
/** Longer than an attempt and a round of tending: who has shut a host probes it, and others if that node is gone. */
const othersFirstMs = 20_000;
/** The same time, by wall clock and monotonic clock. */
const sameMs = 1000;

/** What this process knows of each origin (scheme, host, port): its pace, its breaker, and whether it is in trouble. */
export class Hosts {
  readonly #clock: Clock;
  readonly #fastest: number;
  readonly #news: HostNews;
  readonly #healths = new Map<string, Health>();
  readonly #shut = new Map<string, Shut>();
  /** What an origin's next 2xx hastens. */
  readonly #troubled: Map<string, Recovery>;
  /** Origins above the slowest pace, or lately so. */
  readonly #fast = new Set<string>();
  #nextProbeMs = 0;

  /** `fastest`: CARILLON_HOST_CONCURRENCY. */
  constructor(clock: Clock, fastest: number, known: KnownHosts, news: HostNews) {
    this.#clock = clock;
    this.#fastest = fastest;
    this.#news = news;
    // Whether they were shut in between is not known: whatever was delayed is hastened.
    this.#troubled = new Map(known.troubled.map((origin) => [origin, "recovery"]));
    for (const host of known.shut) this.#shut.set(host.origin, { breaker: this.#recall(host), isProbing: false });
  }

  /** How many attempts the origin gets at a time. */
  pace(origin: string): number {
    const health = this.#healths.get(origin);
    return Math.floor((health && this.#isInUse(health) ? health.pace : startPace(this.#fastest)).limit);
  }

  /** Origins that get more than the slowest pace. */
  fast(): readonly string[] {
    const slowest = startPace(this.#fastest).limit;
    for (const origin of this.#fast) if (this.pace(origin) <= slowest) this.#fast.delete(origin);
    return [...this.#fast];
  }

  /** Its breaker is open: nothing but a probe may be sent. */
  isShut(origin: string): boolean {
    return this.#shut.has(origin);
  }

  /** Takes in what an attempt has shown. `isFull`: the origin was at its full pace. */
  observe(origin: string, sign: HostSign, isFull: boolean): void {
    if (sign === "welcome") this.#recover(origin);
    if (sign === "none" || this.#shut.has(origin)) return;
    const nowMs = this.#clock.monotonicMs();
    const health = this.#healthOf(origin, nowMs);
    health.pace = nextPace(health.pace, sign, { isFull, nowMs, fastest: this.#fastest });
    health.recent = countAttempt(health.recent, sign, nowMs);
    health.usedMs = nowMs;
    if (isFull) this.#fast.add(origin);
    if (isLost(sign) && isTripped(health.recent)) this.#setShut(origin, openBreaker(nowMs));
  }

  /** Something waits there that a 2xx will hasten. */
  trouble(origin: string): void {
    if (!this.#troubled.has(origin)) this.#troubled.set(origin, "success");
  }

  /** Up to `limit` shut origins whose pause is over; the same again until their probes begin. */
  probesDue(limit: number): readonly string[] {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#nextProbeMs) return [];
    const waiting = [...this.#shut].filter(([, { isProbing }]) => !isProbing);
    const due = waiting.filter(([, { breaker }]) => breaker.untilMs <= nowMs).slice(0, limit);
    this.#nextProbeMs = earliestOf(waiting);
    return due.map(([origin]) => origin);
  }

  beginProbe(origin: string): void {
    const shut = this.#shut.get(origin);
    if (shut !== undefined) shut.isProbing = true;
  }

  settleProbe(origin: string, sign: HostSign): void {
    const shut = this.#shut.get(origin);
    if (shut === undefined) return;
    const breaker = settleProbe(shut.breaker, sign, this.#clock.monotonicMs());
    // It has shown nothing, so there is nothing to tell: others may know better by now, if we stood still in between.
    if (breaker !== undefined && sign === "none") return this.#keepShut(origin, breaker);
    if (breaker !== undefined) return this.#setShut(origin, breaker);
    this.#troubled.set(origin, "recovery");
    // Reached, but still in trouble: it is back with its first 2xx.
    if (sign !== "strain") this.#recover(origin);
    this.forget(origin);
  }

  /** Closes a breaker. Without a probe: when nothing waits behind it, so that there is nothing to probe with. */
  forget(origin: string): void {
    this.#shut.delete(origin);
    this.#news.changed(origin);
  }

  /** An open breaker as it is written down; absent when it is closed. */
  shutHost(origin: string): ShutHost | undefined {
    const shut = this.#shut.get(origin);
    if (shut === undefined) return undefined;
    const { trips, untilMs } = shut.breaker;
    const leftMs = untilMs - this.#clock.monotonicMs();
    return { origin, trips, until: new Date(this.#clock.now().getTime() + leftMs) };
  }

  /**
   * Takes in which breakers are open in the store, where other nodes write them too. What is `unsaved` is ours to tell, and so is
   * how a probe of ours ends.
   */
  learn(stored: readonly ShutHost[], unsaved: ReadonlySet<string>): void {
    const open = new Map(stored.map((host) => [host.origin, this.#recall(host)]));
    const isOurs = (origin: string) => unsaved.has(origin) || this.#shut.get(origin)?.isProbing === true;
    for (const origin of this.#shut.keys()) if (!open.has(origin) && !isOurs(origin)) this.#shut.delete(origin);
    for (const [origin, { trips, untilMs }] of open) {
      const knownMs = this.#shut.get(origin)?.breaker.untilMs ?? -Infinity;
      if (isOurs(origin) || untilMs <= knownMs + sameMs) continue;
      this.#keepShut(origin, { trips, untilMs: untilMs + othersFirstMs });
    }
  }

  /** Forgets origins that are not in use. */
  sweep(): void {
    const sinceMs = this.#clock.monotonicMs() - forgetMs;
    for (const [origin, { usedMs }] of this.#healths) if (usedMs < sinceMs) this.#healths.delete(origin);
  }

  #recover(origin: string): void {
    const by = this.#troubled.get(origin);
    if (by === undefined) return;
    this.#troubled.delete(origin);
    this.#news.recover(origin, by);
  }

  #healthOf(origin: string, nowMs: number): Health {
    const known = this.#healths.get(origin);
    if (known === undefined) {
      const made = { pace: startPace(this.#fastest), recent: startRecent(nowMs), usedMs: nowMs };
      this.#healths.set(origin, made);
      return made;
    }
    if (!this.#isInUse(known)) known.pace = startPace(this.#fastest);
    return known;
  }

  #isInUse({ usedMs }: Health): boolean {
    return this.#clock.monotonicMs() - usedMs < forgetPaceMs;
  }

  #setShut(origin: string, breaker: OpenBreaker): void {
    this.#keepShut(origin, breaker);
    this.#news.changed(origin);
  }

  #keepShut(origin: string, breaker: OpenBreaker): void {
    this.#healths.delete(origin);
    this.#shut.set(origin, { breaker, isProbing: false });
    this.#nextProbeMs = Math.min(this.#nextProbeMs, breaker.untilMs);
  }

  /** The wall clock may have jumped while nobody looked: no pause is longer than the longest. */
  #recall({ trips, until }: ShutHost): OpenBreaker {
    const leftMs = until.getTime() - this.#clock.now().getTime();
    return { trips, untilMs: this.#clock.monotonicMs() + Math.max(0, Math.min(leftMs, longestPauseMs)) };
  }
}

function earliestOf(waiting: readonly (readonly [string, Shut])[]): number {
  return waiting.reduce((earliest, [, { breaker }]) => Math.min(earliest, breaker.untilMs), Infinity);
}
