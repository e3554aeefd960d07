import { createRandom } from "../support/random.ts";

/** Kills come at one of these moments; `nth` says at which of several. */
export const moments = [
  "timer",
  "publish acknowledged",
  "subscribe acknowledged",
  "publish under way",
  "subscribe under way",
  "challenge unanswered",
  "fetch unanswered",
  "delivery unanswered",
  "retry unanswered",
  "challenge answered",
  "fetch answered",
  "delivery answered",
  // Provoked: in the middle of a write, and of what SQLite does when it is closed.
  "writing",
  "closing",
] as const;

export type Moment = (typeof moments)[number];

/** What is asked of the hub. `pick`, in [0, 1), says which of the subscriptions in force. */
export type Request =
  | { readonly kind: "publish"; readonly topic: number }
  | ({ readonly kind: "subscribe"; readonly topic: number; readonly isRefused: boolean } & Terms)
  | { readonly kind: "subscribe to a stranger" }
  | ({ readonly kind: "renew"; readonly pick: number } & Terms)
  | { readonly kind: "unsubscribe"; readonly pick: number };

export type Terms = {
  readonly secret: string | undefined;
  readonly signatureMethod: "sha256" | "sha512";
  readonly leaseSeconds: number;
};

export type Round = {
  readonly requests: readonly Request[];
  /** Between one request and the next. */
  readonly pausesMs: readonly number[];
  readonly moment: Moment;
  readonly nth: number;
  /** Of the moment `timer`, and until what is held at a SIGTERM is answered. */
  readonly delayMs: number;
  readonly isOrderly: boolean;
  /** So long after a restart the hub is killed again, once for each. */
  readonly restartsMs: readonly number[];
  /** For each kill: what was not flushed is gone as well. */
  readonly losesPower: boolean;
};

export const topicCount = 2;

/** Of the topic with the most subscriptions, and of the others. */
const mostNth: Readonly<Record<Moment, number>> = {
  timer: 1,
  "publish acknowledged": 4,
  "subscribe acknowledged": 7,
  "publish under way": 4,
  "subscribe under way": 7,
  "challenge unanswered": 6,
  "fetch unanswered": 4,
  "delivery unanswered": 40,
  "retry unanswered": 2,
  "challenge answered": 6,
  "fetch answered": 4,
  "delivery answered": 40,
  writing: 40,
  closing: 40,
};

/** What happens in a run, the same for the same seed. Of any fourteen kills in a row from the first on each has a moment of its own; each fifth round ends by SIGTERM instead. */
export function draw(seed: number, count: number): readonly Round[] {
  const random = createRandom(seed);
  const bag: Moment[] = [];
  const rounds: Round[] = [];
  while (rounds.length < count) {
    const isOrderly = rounds.length % 5 === 4;
    if (bag.length === 0) bag.push(...shuffled(moments, random));
    const drawn = moments[Math.floor(random() * moments.length)] ?? "timer";
    rounds.push(drawRound(random, isOrderly, isOrderly ? drawn : (bag.pop() ?? drawn)));
  }
  return rounds;
}

function drawRound(random: () => number, isOrderly: boolean, moment: Moment): Round {
  const requests = drawRequests(random);
  const [again, twice] = [random() < 0.35, random() < 0.4];
  const restartsMs = isOrderly || !again ? [] : Array.from({ length: twice ? 2 : 1 }, () => random() * 600);
  return {
    requests,
    pausesMs: requests.map(() => random() * 12),
    moment,
    nth: 1 + Math.floor(random() * mostNth[moment]),
    delayMs: random() * 300,
    isOrderly,
    restartsMs,
    losesPower: random() < 0.5,
  };
}

/** The first is a ping of the topic with the most subscriptions. */
function drawRequests(random: () => number): readonly Request[] {
  const topic = () => Math.floor(random() * topicCount);
  const others: Request[] = [
    { kind: "publish", topic: 0 },
    { kind: "publish", topic: 1 },
    { kind: "publish", topic: topic() },
    { kind: "subscribe", topic: topic(), isRefused: false, ...drawTerms(random) },
    { kind: "subscribe", topic: topic(), isRefused: false, ...drawTerms(random) },
    { kind: "subscribe", topic: topic(), isRefused: true, ...drawTerms(random) },
    { kind: "subscribe to a stranger" },
    { kind: "renew", pick: random(), ...drawTerms(random) },
    { kind: "renew", pick: random(), ...drawTerms(random) },
    { kind: "unsubscribe", pick: random() },
    { kind: "unsubscribe", pick: random() },
  ];
  return [{ kind: "publish", topic: 0 }, ...shuffled(others, random)];
}

export function drawTerms(random: () => number): Terms {
  const secret = random() < 0.3 ? undefined : `secret ${Math.floor(random() * 2 ** 31)}`;
  const signatureMethod = random() < 0.7 ? "sha256" : "sha512";
  return { secret, signatureMethod, leaseSeconds: 100_000 + Math.floor(random() * 700_000) };
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const keyed = items.map((item) => ({ item, key: random() }));
  return keyed.toSorted((a, b) => a.key - b.key).map(({ item }) => item);
}
