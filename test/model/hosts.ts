import type { ShutHost } from "../../src/model/host.ts";
import type { Claim } from "./member.ts";

/** What counts as recent for a breaker, at most. */
const recentMs = 60_000;
const firstPauseMs = 30_000;
const longestPauseMs = 600_000;

type Host = {
  /** Attempts that did not get through, by the moment they ended. */
  lost: number[];
  /** It has answered 2xx. */
  welcomed: boolean;
  /** A probe was answered, and what waits there may be hastened for it. */
  recovered: boolean;
  /** Since then nobody knows whether it was shut. */
  isRestarted: boolean;
  /** Its breaker as this process sees it, and as the store does. */
  shut: ShutHost | undefined;
  saved: ShutHost | undefined;
  probe: Claim | undefined;
};

/** The model of the breakers: when one may open, what may be sent while it is open, and who may be hastened when. */
export class HostsModel {
  readonly #hosts = new Map<string, Host>();
  readonly #insist: (condition: boolean, message: string) => void;

  constructor(insist: (condition: boolean, message: string) => void) {
    this.#insist = insist;
  }

  isShut(origin: string): boolean {
    return this.#at(origin).shut !== undefined;
  }

  saveShut(hosts: readonly ShutHost[], now: number): void {
    for (const host of hosts) {
      const at = this.#at(host.origin);
      const openedAt = host.until.getTime() - firstPauseMs;
      const recent = at.lost.filter((moment) => moment >= openedAt - recentMs).length;
      this.#insist(
        at.shut !== undefined || recent >= 6,
        `${host.origin}: shut for the ${host.trips}. time at ${openedAt} (now ${now}) after ${at.lost.join(" ")}`,
      );
      this.#insist(host.until.getTime() - now <= longestPauseMs, `${host.origin}: shut for longer than 10 minutes`);
      at.saved = host;
      at.shut = host;
    }
  }

  saveOpen(origins: readonly string[]): void {
    for (const origin of origins) {
      this.#at(origin).saved = undefined;
      this.#insist(!this.isShut(origin), `${origin}: opened, but no probe was answered`);
    }
  }

  /** Claimed to probe its origin; `undefined`: nothing waits there, so that its breaker is forgotten. */
  claimProbe(origin: string, claim: Claim | undefined, now: number): void {
    const at = this.#at(origin);
    const { shut, probe } = at;
    this.#insist(shut !== undefined && shut.until.getTime() <= now, `${origin}: probed before its time`);
    this.#insist(probe === undefined, `${origin}: two probes`);
    at.probe = claim;
    if (claim === undefined) at.shut = undefined;
  }

  /** A POST begins. */
  post(origin: string, claim: Claim): void {
    const { shut, probe } = this.#at(origin);
    this.#insist(shut === undefined || probe === claim, `${origin}: publication ${claim.seq} comes though it is shut`);
  }

  /** A POST has ended. `isAnswered`: with a status line. */
  answer(origin: string, claim: Claim, { isAnswered, isLost }: Ending, now: number): void {
    const at = this.#at(origin);
    if (isLost) at.lost = [...at.lost, now].slice(-20);
    if (claim.post === "delivered") at.welcomed = true;
    if (at.probe !== claim) return;
    at.probe = undefined;
    if (!isAnswered) return;
    at.shut = undefined;
    at.recovered = true;
  }

  hasten(origin: string, by: "recovery" | "success"): void {
    const { recovered, welcomed, isRestarted } = this.#at(origin);
    const isBack = by === "recovery" ? recovered || (welcomed && isRestarted) : welcomed;
    this.#insist(isBack, `${origin}: hastened by a ${by} that was none`);
  }

  /** The next process knows what was saved. */
  forget(): void {
    for (const at of this.#hosts.values()) Object.assign(at, { shut: at.saved, probe: undefined, isRestarted: true });
  }

  #at(origin: string): Host {
    const known = this.#hosts.get(origin);
    if (known !== undefined) return known;
    const none = { shut: undefined, saved: undefined, probe: undefined };
    const made: Host = { lost: [], welcomed: false, recovered: false, isRestarted: false, ...none };
    this.#hosts.set(origin, made);
    return made;
  }
}

type Ending = { readonly isAnswered: boolean; readonly isLost: boolean };
