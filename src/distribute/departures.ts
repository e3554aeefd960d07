/** A send that waits for its turn. */
export type Departure = {
  /** Takes it back. False: it has started. */
  readonly withdraw: () => boolean;
};

export type DepartureLimits = {
  /** Most sends open at a time. */
  readonly total: number;
  readonly perOrigin: number;
};

type Waiting = { readonly start: () => Promise<void>; withdrawn: boolean; started: boolean };
type Origin = { open: number; readonly waiting: Waiting[] };

/** More in one turn of the event loop would hold up everything else that the process does. */
const startsPerTurn = 32;

/** The gate that all deliveries leave by: bounded in all and per origin; origins take turns. */
export class Departures {
  readonly #limits: DepartureLimits;
  readonly #onLow: () => void;
  readonly #origins = new Map<string, Origin>();
  /** Origins with something waiting and room, in turn. */
  readonly #ready = new Set<string>();
  #open = 0;
  #waiting = 0;
  #scheduled = false;

  /** `onLow` is called when `isLow` becomes true. */
  constructor(limits: DepartureLimits, onLow: () => void) {
    this.#limits = limits;
    this.#onLow = onLow;
  }

  /** Whether more should be brought: less is waiting than could be open at a time. */
  get isLow(): boolean {
    return this.#waiting < this.#limits.total;
  }

  /** Calls `start` when there is room, never within this call. Its promise holds the place, and must not reject. */
  submit(origin: string, start: () => Promise<void>): Departure {
    const entry: Waiting = { start, withdrawn: false, started: false };
    this.#at(origin).waiting.push(entry);
    this.#waiting += 1;
    this.#refresh(origin);
    return { withdraw: () => this.#withdraw(entry) };
  }

  #withdraw(entry: Waiting): boolean {
    if (entry.started) return false;
    if (!entry.withdrawn) this.#waiting -= 1;
    entry.withdrawn = true;
    return true;
  }

  #at(origin: string): Origin {
    const known = this.#origins.get(origin);
    if (known !== undefined) return known;
    const made: Origin = { open: 0, waiting: [] };
    this.#origins.set(origin, made);
    return made;
  }

  /** Puts an origin in line, or forgets it. */
  #refresh(origin: string): void {
    const { open, waiting } = this.#at(origin);
    if (waiting.length > 0 && open < this.#limits.perOrigin) this.#ready.add(origin);
    if (waiting.length === 0 && open === 0) this.#origins.delete(origin);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#ready.size === 0 || this.#open >= this.#limits.total) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#startSome();
    });
  }

  #startSome(): void {
    const wasLow = this.isLow;
    let left = startsPerTurn;
    for (const origin of this.#ready) {
      if (left === 0 || this.#open >= this.#limits.total) break;
      this.#ready.delete(origin);
      if (this.#startNext(origin)) left -= 1;
      this.#refresh(origin);
    }
    if (!wasLow && this.isLow) this.#onLow();
    this.#schedule();
  }

  #startNext(origin: string): boolean {
    const at = this.#at(origin);
    for (let entry = at.waiting.shift(); entry !== undefined; entry = at.waiting.shift()) {
      if (entry.withdrawn) continue;
      entry.started = true;
      this.#waiting -= 1;
      this.#open += 1;
      at.open += 1;
      void this.#hold(origin, entry.start);
      return true;
    }
    return false;
  }

  async #hold(origin: string, start: () => Promise<void>): Promise<void> {
    await start();
    this.#open -= 1;
    this.#at(origin).open -= 1;
    this.#refresh(origin);
  }
}
