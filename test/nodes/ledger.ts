import type { TopicPolicy } from "../../src/model/topic.ts";

/** A topic, who is subscribed to it (from 0 on), and how many versions it will have (from 1 on). */
export type Expectation = {
  readonly path: string;
  readonly policy: TopicPolicy;
  readonly subscribers: number;
  readonly versions: number;
};

/** A POST as a subscriber sees it. */
export type Arrival = {
  readonly path: string;
  readonly subscriber: number;
  readonly version: number;
  readonly webhookId: string;
  /** Who sent it. */
  readonly node: string;
};

export type Figures = {
  /** Answered with 2xx, repeats among them. */
  deliveries: number;
  /** Answers that found nobody: who had sent was gone, or had given up. */
  unheard: number;
  /** Sent again although a 2xx had been answered, as after a crash. */
  repeats: number;
  /** Out of order, or beside another, by a node that had just been let go on after a stop shorter than its lease. */
  late: number;
};

type Account = {
  readonly topic: Expectation;
  /** By subscriber: the newest version sent, how many POSTs are open, which versions were taken (a bit each). */
  readonly newest: Uint8Array;
  readonly open: Uint8Array;
  readonly taken: Uint32Array;
  readonly ids: Map<number, string>;
};

const mostFaults = 20;

/** What subscribers have got, held against what they were promised (DESIGN 2.4, B and C). */
export class Ledger {
  readonly figures: Figures = { deliveries: 0, unheard: 0, repeats: 0, late: 0 };
  /** The first of them, in words. */
  readonly faults: string[] = [];
  readonly #accounts: ReadonlyMap<string, Account>;
  #taken = 0;
  #lastNode = "";

  constructor(topics: readonly Expectation[]) {
    this.#accounts = new Map(topics.map((topic) => [topic.path, openAccount(topic)]));
  }

  /** How many deliveries are owed in all: every version of an `every` topic, the newest of the others. */
  get owed(): number {
    const counts = this.#accounts
      .values()
      .map(({ topic }) => topic.subscribers * (topic.versions - firstOwed(topic) + 1));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Who sent last. */
  get lastNode(): string {
    return this.#lastNode;
  }

  /** How many of them were taken, repeats not counted. */
  get taken(): number {
    return this.#taken;
  }

  /** `isExcused`: it is late through no fault of the hub's, so its order does not count. */
  begin(arrival: Arrival, isExcused: boolean): void {
    const { path, subscriber, version, webhookId, node } = arrival;
    const account = this.#accounts.get(path);
    if (account === undefined || subscriber >= account.topic.subscribers)
      return this.blame(`a POST to ${path}/${subscriber}, whom nobody subscribed`);
    const { newest, open, taken, ids } = account;
    this.#lastNode = node;
    const who = `${path}/${subscriber}, by ${node}`;
    const before = newest[subscriber] ?? 0;
    const isOld = version < before;
    const isBeside = (open[subscriber] ?? 0) > 0;
    if (isExcused && (isOld || isBeside)) this.figures.late += 1;
    else if (isOld) this.blame(`version ${version} after version ${before}: ${who}`);
    else if (isBeside) this.blame(`version ${version} while another POST is open: ${who}`);
    newest[subscriber] = Math.max(version, before);
    open[subscriber] = (open[subscriber] ?? 0) + 1;
    if (hasTaken(taken[subscriber], version)) this.figures.repeats += 1;
    const key = subscriber * (account.topic.versions + 1) + version;
    const known = ids.get(key);
    if (known === undefined) ids.set(key, webhookId);
    else if (known !== webhookId) this.blame(`version ${version} again, with another Webhook-Id: ${who}`);
  }

  /** It was answered. */
  end({ path, subscriber, version }: Arrival, isTaken: boolean): void {
    const account = this.#accounts.get(path);
    if (account === undefined) return;
    account.open[subscriber] = (account.open[subscriber] ?? 1) - 1;
    if (!isTaken) return;
    this.figures.deliveries += 1;
    const before = account.taken[subscriber] ?? 0;
    if (hasTaken(before, version)) return;
    account.taken[subscriber] = before | (1 << version);
    if (version >= firstOwed(account.topic)) this.#taken += 1;
  }

  /** Deliveries that are still owed, in words. */
  missing(): readonly string[] {
    return this.#accounts
      .values()
      .flatMap(({ topic, taken }) => {
        const first = firstOwed(topic);
        const versions = Array.from({ length: topic.versions - first + 1 }, (_, i) => first + i);
        return [...taken.entries()].flatMap(([subscriber, mask]) =>
          versions
            .filter((version) => !hasTaken(mask, version))
            .map((version) => `${topic.path}/${subscriber} never got version ${version}`),
        );
      })
      .toArray();
  }

  readonly blame = (what: string): void => {
    if (this.faults.length < mostFaults) this.faults.push(what);
  };
}

function firstOwed({ policy, versions }: Expectation): number {
  return policy === "every" ? 1 : versions;
}

function openAccount(topic: Expectation): Account {
  const { subscribers } = topic;
  return {
    topic,
    newest: new Uint8Array(subscribers),
    open: new Uint8Array(subscribers),
    taken: new Uint32Array(subscribers),
    ids: new Map(),
  };
}

function hasTaken(mask: number | undefined, version: number): boolean {
  return ((mask ?? 0) & (1 << version)) !== 0;
}
