import type { HostSign } from "./host-sign.ts";
import type { Hosts } from "./hosts.ts";

/** First attempts and retries have places of their own: neither waits for the other. */
export type Lane = "first" | "retry";

/** A send that asks to leave. */
export type Passenger = {
  readonly origin: string;
  readonly lane: Lane;
  readonly topicId: number;
  /** Goes although the origin's breaker is open. */
  readonly isProbe?: boolean;
  /** Sends. The promise holds the place, and must not reject. */
  readonly start: () => Promise<HostSign>;
  /** Called in place of `start` when the origin's breaker is open, also at once. */
  readonly turnAway: () => void;
};

export type Departure = {
  /** Takes it back. False: it has started, or was turned away. */
  readonly withdraw: () => boolean;
  /** It has taken long: it gives up its place among first attempts for one among retries. */
  readonly stepAside: () => void;
};

export type DepartureLimits = {
  /** Most sends open at a time. */
  readonly lanes: Readonly<Record<Lane, number>>;
  /** Most of them at one origin, whatever its pace. */
  readonly perOrigin: number;
};

type Entry = { readonly passenger: Passenger; lane: Lane; state: "waiting" | "started" | "over" };
type Origin = {
  readonly open: Record<Lane, number>;
  readonly waiting: Readonly<Record<Lane, Entry[]>>;
  /** The lane that got a place last. */
  last: Lane | undefined;
};

const lanes: readonly Lane[] = ["first", "retry"];
/** More in one turn of the event loop would hold up everything else that the process does. */
const startsPerTurn: Readonly<Record<Lane, number>> = { first: 32, retry: 16 };
/** Bounds the memory of sends that wait for slow hosts, in multiples of the lane. */
const mostWaiting = 32;

/** The gate that all deliveries leave by. Lanes, origins and topics take turns, each as fast as it can bear. */
export class Departures {
  readonly #limits: DepartureLimits;
  readonly #hosts: Hosts;
  readonly #onRoom: () => void;
  readonly #origins = new Map<string, Origin>();
  /** Origins with something waiting and room, in turn. */
  readonly #ready: Readonly<Record<Lane, Set<string>>> = { first: new Set(), retry: new Set() };
  readonly #open: Record<Lane, number> = { first: 0, retry: 0 };
  /** First attempts that wait, by topic. */
  readonly #crowds = new Map<number, number>();
  #waiting = 0;
  #scheduled = false;

  /** `onRoom` is called when a topic ceases to be crowded, or the gate to be full. */
  constructor(limits: DepartureLimits, hosts: Hosts, onRoom: () => void) {
    this.#limits = limits;
    this.#hosts = hosts;
    this.#onRoom = onRoom;
  }

  /** Topics with as many first attempts waiting as could be open: they should bring no more, but others may. */
  get crowded(): readonly number[] {
    return [...this.#crowds].filter(([, count]) => count >= this.#limits.lanes.first).map(([topicId]) => topicId);
  }

  /** So many first attempts wait that there is no hurry about anything that comes after them. */
  get isSaturated(): boolean {
    return this.#waiting >= this.#limits.lanes.first / 2;
  }

  /** Nobody should bring any more first attempts. */
  get isFull(): boolean {
    return this.#waiting >= this.#limits.lanes.first * mostWaiting;
  }

  /** Retries that could start now, at origins that have room. */
  get retryRoom(): number {
    return Math.max(0, this.#limits.lanes.retry - this.#open.retry);
  }

  /**
   * So many first attempts of a topic are about to come: until the function returned is called, which is when they do, they
   * count as if they waited.
   */
  announce(topicId: number, count: number): () => void {
    let isOver = false;
    this.#add(topicId, count);
    return () => {
      if (!isOver) this.#add(topicId, -count);
      isOver = true;
    };
  }

  /** How many retries an origin gets at a time: never all of it, or those that hang would keep out first attempts. */
  retryPace(origin: string): number {
    return Math.min(this.#hosts.pace(origin), Math.ceil(this.#limits.perOrigin / 2));
  }

  /** Starts it when there is room, probes at once. */
  submit(passenger: Passenger): Departure {
    const entry: Entry = { passenger, lane: passenger.lane, state: "waiting" };
    const { origin } = passenger;
    if (passenger.isProbe) {
      this.#start(entry, this.#at(origin));
    } else if (this.#hosts.isShut(origin)) {
      entry.state = "over";
      passenger.turnAway();
    } else {
      this.#at(origin).waiting[entry.lane].push(entry);
      this.#count(entry, 1);
      this.#refresh(origin);
    }
    return { withdraw: () => this.#withdraw(entry), stepAside: () => this.#stepAside(entry) };
  }

  #withdraw(entry: Entry): boolean {
    if (entry.state !== "waiting") return false;
    entry.state = "over";
    this.#count(entry, -1);
    return true;
  }

  #stepAside(entry: Entry): void {
    if (entry.state !== "started" || entry.lane === "retry") return;
    const { origin } = entry.passenger;
    this.#hold(entry, this.#at(origin), -1);
    entry.lane = "retry";
    this.#hold(entry, this.#at(origin), 1);
    this.#refresh(origin);
  }

  #count({ lane, passenger: { topicId } }: Entry, by: 1 | -1): void {
    if (lane === "retry") return;
    const count = this.#add(topicId, by);
    const { first } = this.#limits.lanes;
    if (by === -1 && (count === first - 1 || this.#waiting === first * mostWaiting - 1)) this.#onRoom();
  }

  /** Returns how many wait of that topic. */
  #add(topicId: number, by: number): number {
    this.#waiting += by;
    const count = (this.#crowds.get(topicId) ?? 0) + by;
    if (count === 0) this.#crowds.delete(topicId);
    else this.#crowds.set(topicId, count);
    return count;
  }

  #at(origin: string): Origin {
    const known = this.#origins.get(origin);
    if (known !== undefined) return known;
    const made: Origin = { open: { first: 0, retry: 0 }, waiting: { first: [], retry: [] }, last: undefined };
    this.#origins.set(origin, made);
    return made;
  }

  /** Puts an origin in line, or forgets it. */
  #refresh(origin: string): void {
    const at = this.#at(origin);
    for (const lane of lanes) {
      if (at.waiting[lane].length > 0 && this.#hasRoomAt(origin, at, lane)) this.#ready[lane].add(origin);
    }
    const isEmpty = lanes.every((lane) => at.waiting[lane].length === 0 && at.open[lane] === 0);
    if (isEmpty) this.#origins.delete(origin);
    this.#schedule();
  }

  /** The last place of an origin goes to its lanes by turns, so that one that has a single place gives it to both. */
  #hasRoomAt(origin: string, at: Origin, lane: Lane): boolean {
    const left = this.#limits.perOrigin - at.open.first - at.open.retry;
    if (left <= 0 || !this.#isWithinPace(origin, at, lane)) return false;
    const other = lane === "first" ? "retry" : "first";
    const isOthersTurn = left === 1 && at.last === lane && at.waiting[other].length > 0;
    return !isOthersTurn || !this.#isWithinPace(origin, at, other) || !this.#hasRoom(other);
  }

  #isWithinPace(origin: string, { open }: Origin, lane: Lane): boolean {
    return open[lane] < (lane === "first" ? this.#hosts.pace(origin) : this.retryPace(origin));
  }

  /** Attempts that stepped aside may overfill the lane of retries; then it is first attempts that make room. */
  #hasRoom(lane: Lane): boolean {
    const { first, retry } = this.#limits.lanes;
    return this.#open[lane] < this.#limits.lanes[lane] && this.#open.first + this.#open.retry < first + retry;
  }

  #schedule(): void {
    if (this.#scheduled || !lanes.some((lane) => this.#ready[lane].size > 0 && this.#hasRoom(lane))) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const lane of lanes) this.#startSome(lane);
      this.#schedule();
    });
  }

  #startSome(lane: Lane): void {
    let left = startsPerTurn[lane];
    const ready = this.#ready[lane];
    for (const origin of ready) {
      if (left === 0 || !this.#hasRoom(lane)) break;
      ready.delete(origin);
      const at = this.#at(origin);
      const entry = this.#hasRoomAt(origin, at, lane) ? nextWaiting(at.waiting[lane]) : undefined;
      if (entry !== undefined) {
        left -= 1;
        this.#count(entry, -1);
        this.#start(entry, at);
      }
      this.#refresh(origin);
    }
  }

  #start(entry: Entry, at: Origin): void {
    entry.state = "started";
    at.last = entry.lane;
    this.#hold(entry, at, 1);
    void this.#run(entry);
  }

  async #run(entry: Entry): Promise<void> {
    const { origin, isProbe, start } = entry.passenger;
    const sign = await start();
    entry.state = "over";
    const at = this.#at(origin);
    const isFull = at.open.first + at.open.retry >= this.#hosts.pace(origin);
    this.#hold(entry, at, -1);
    if (isProbe) this.#hosts.settleProbe(origin, sign);
    else this.#hosts.observe(origin, sign, isFull);
    if (this.#hosts.isShut(origin)) this.#turnAway(at);
    this.#refresh(origin);
  }

  #hold({ lane }: Entry, at: Origin, by: 1 | -1): void {
    this.#open[lane] += by;
    at.open[lane] += by;
  }

  #turnAway({ waiting }: Origin): void {
    for (const lane of lanes) {
      for (const entry of waiting[lane].splice(0)) if (this.#withdraw(entry)) entry.passenger.turnAway();
    }
  }
}

function nextWaiting(waiting: Entry[]): Entry | undefined {
  for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
    if (entry.state === "waiting") return entry;
  }
  return undefined;
}
