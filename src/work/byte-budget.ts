import type { Clock } from "../clock.ts";
import { Bell } from "./bell.ts";

/** What one body takes of a budget. Disposing gives it back. */
export type Share = Disposable & {
  /** Makes it `bytes` at least. False: there is no room now. */
  readonly tryHold: (bytes: number) => boolean;
  /** The same, with a wait for it. False: there was no room for `ms`, or until `signal`. */
  readonly hold: (bytes: number, ms: number, signal?: AbortSignal) => Promise<boolean>;
};

type Holder = { readonly owner: string; held: number };
type Asked = { readonly bytes: number; readonly grant: () => void };

/** Where a body's size puts it. They do not share: a few of 10 MB would hold up hundreds of small ones. */
const mediumBytes = 1024 * 1024;

/** Bounds what bodies take of memory together, those of up to 1 MiB and those that are larger apart from one another. */
export class ByteBudget {
  readonly #medium: Tier;
  readonly #large: Tier;

  constructor(clock: Clock, most: { readonly medium: number; readonly large: number }) {
    this.#medium = new Tier(clock, most.medium);
    this.#large = new Tier(clock, most.large);
  }

  open(owner: string): Share {
    const shares = [this.#medium.open(owner), this.#large.open(owner)] as const;
    const shareFor = (bytes: number) => shares[bytes > mediumBytes ? 1 : 0];
    return {
      tryHold: (bytes) => shareFor(bytes).tryHold(bytes),
      hold: (bytes, ms, signal) => shareFor(bytes).hold(bytes, ms, signal),
      [Symbol.dispose]: () => {
        for (const share of shares) share[Symbol.dispose]();
      },
    };
  }
}

/**
 * First come, first served. Several bodies of one owner get half of it at most, so that some is left for others. A body for
 * which all of it is too little goes alone.
 */
class Tier {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #holders = new Set<Holder>();
  /** In the order they asked. */
  readonly #waiting = new Map<Holder, Asked>();

  constructor(clock: Clock, most: number) {
    this.#clock = clock;
    this.#most = most;
  }

  open(owner: string): Share {
    const holder: Holder = { owner, held: 0 };
    return {
      tryHold: (bytes) => {
        this.#ask(holder, { bytes, grant: () => undefined });
        return !this.#waiting.delete(holder);
      },
      hold: async (bytes, ms, signal) => {
        const granted = new Bell(this.#clock);
        this.#ask(holder, { bytes, grant: () => granted.ring() });
        await granted.wait(ms, signal);
        return !this.#waiting.delete(holder);
      },
      [Symbol.dispose]: () => {
        this.#holders.delete(holder);
        this.#waiting.delete(holder);
        this.#grantAll();
      },
    };
  }

  #ask(holder: Holder, asked: Asked): void {
    if (asked.bytes <= holder.held) return asked.grant();
    this.#waiting.set(holder, asked);
    this.#grantAll();
  }

  #grantAll(): void {
    for (const [holder, { bytes, grant }] of this.#waiting) {
      const room = this.#judge(holder, bytes);
      if (room === "none") return;
      if (room === "not for its owner") continue;
      this.#waiting.delete(holder);
      this.#holders.add(holder);
      holder.held = bytes;
      grant();
    }
  }

  #judge(one: Holder, bytes: number): "room" | "none" | "not for its owner" {
    const others = [...this.#holders].filter((holder) => holder !== one);
    const owners = sum(others.filter(({ owner }) => owner === one.owner));
    if (owners > 0 && owners + bytes > this.#most / 2) return "not for its owner";
    return others.length === 0 || sum(others) + bytes <= this.#most ? "room" : "none";
  }
}

function sum(holders: readonly Holder[]): number {
  return holders.reduce((bytes, { held }) => bytes + held, 0);
}
