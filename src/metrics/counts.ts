/** Seconds. Bounds of the classes that attempts are sorted into by how long they took. */
const durationBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15] as const;

/** What is counted, and by what it is told apart: by words of which there are few, never by a host, a topic or a callback. */
export const counted = {
  requests: {
    name: "carillon_http_requests_total",
    help: "Requests answered, by what they were sent to and the status of the answer",
    labels: ["route", "status"],
  },
  verifications: {
    name: "carillon_verifications_total",
    help: "Requests to subscribe or unsubscribe that were tried to verify, by what became of them then",
    labels: ["mode", "outcome"],
  },
  fetches: {
    name: "carillon_fetches_total",
    help: "Fetches of topics, by what came of them",
    labels: ["outcome"],
  },
  attempts: {
    name: "carillon_delivery_attempts_total",
    help: "Attempts of deliveries, by the class of the answer's status or by what failed",
    labels: ["outcome"],
  },
} as const;

export type Counted = keyof typeof counted;

export type Count = { readonly labels: Readonly<Record<string, string>>; readonly value: number };

/** Durations sorted into classes: how many were at most as long as each bound, all of them, and their sum. */
export type Durations = {
  readonly classes: readonly { readonly atMost: number; readonly count: number }[];
  readonly count: number;
  readonly sum: number;
};

/** What this process has done since it began. */
export class Counts {
  readonly #counts: Readonly<Record<Counted, Map<string, number>>> = {
    requests: new Map(),
    verifications: new Map(),
    fetches: new Map(),
    attempts: new Map(),
  };
  readonly #perClass = durationBounds.map(() => 0);
  #attempts = 0;
  #attemptSeconds = 0;

  /** `words`: one for each label, with a space between them. */
  add(what: Counted, words: string): void {
    const counts = this.#counts[what];
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }

  /** How long an attempt of a delivery took. */
  addDuration(ms: number): void {
    const seconds = ms / 1000;
    const at = durationBounds.findIndex((bound) => seconds <= bound);
    if (at !== -1) this.#perClass[at] = (this.#perClass[at] ?? 0) + 1;
    this.#attempts += 1;
    this.#attemptSeconds += seconds;
  }

  list(what: Counted): readonly Count[] {
    const { labels } = counted[what];
    return [...this.#counts[what]].map(([words, value]) => {
      const each = words.split(" ");
      return { labels: Object.fromEntries(labels.map((label, at) => [label, each[at] ?? ""])), value };
    });
  }

  get durations(): Durations {
    let count = 0;
    const classes = durationBounds.map((atMost, at) => {
      count += this.#perClass[at] ?? 0;
      return { atMost, count };
    });
    return { classes, count: this.#attempts, sum: this.#attemptSeconds };
  }
}
