import { type Audience, callbacksAt, openAudience } from "../audience.ts";
import { type Bench, openBench } from "../bench.ts";
import { compareLatencies, publishTimes, summarise } from "../latencies.ts";
import type { Row } from "../row.ts";
import { subscribe } from "../seed.ts";
import { pairsOf, sideBySide } from "../side-by-side.ts";

const living = 500;
/** Of each kind. With one more of each there were 1,000 subscribers, and the hub would no longer log each success: cheaper than without them. */
const dead = 166;
const slices = 5;
const laterOnes = 3;

/**
 * The second publication comes when the first has reached the living and still waits for the dead; from the third on all
 * the dead are behind.
 */
export const deadHosts: Row = {
  name: "dead-hosts",
  what: "about 500 dead hosts among 1,000 subscribers: time to delivery of the living, against the living alone",
  bar: { atMost: 1.1 },
  async run(knobs) {
    await using bench = await openBench();
    const group = { name: "living", network: 2, origins: living, behaviour: "answer" } as const;
    const audience = await openAudience(bench.publisher, bench.sink, group);
    const databases = {
      alone: await seedBeside(bench, audience, []),
      beside: await seedBeside(bench, audience, await openDead(bench)),
    };
    const measured = await sideBySide(knobs, bench, databases, slices, async (hub, slice) => {
      if (slice > 0) return { later: await publishTimes(laterOnes, audience, hub) };
      return { first: await publishTimes(1, audience, hub), second: await publishTimes(1, audience, hub) };
    });
    const figures = ["first", "second", "later"].flatMap((name) => compareLatencies(name, pairsOf(measured, name)));
    return { figures, details: summarise(measured) };
  },
};

/** The living and the others in turn. */
function seedBeside(bench: Bench, { topic, callbacks }: Audience, others: readonly string[]): Promise<string> {
  const mixed = callbacks.flatMap((callback, i) => [callback, ...others.slice(i, i + 1)]);
  return bench.seed((store) => subscribe(store, topic, mixed));
}

/** A third refuse, a third never answer, a third never come to the end of their headers. */
async function openDead({ troubleSink }: Bench): Promise<readonly string[]> {
  const hanging = await troubleSink.ask("serve", { name: "hang", network: 3, origins: dead, behaviour: "hang" });
  const dripping = await troubleSink.ask("serve", { name: "drip", network: 4, origins: dead, behaviour: "drip" });
  const inTurn = hanging.flatMap((origin, i) => [origin, ...dripping.slice(i, i + 1), refusingOrigin(i)]);
  return callbacksAt(inTurn);
}

/** Nobody listens on a port that only root may open. */
function refusingOrigin(place: number): string {
  return `http://127.5.${place >> 8}.${place & 255}:2`;
}
