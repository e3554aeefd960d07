import { openAudience } from "../audience.ts";
import { openBench } from "../bench.ts";
import { compareLatencies, publishTimes, summarise } from "../latencies.ts";
import type { Row } from "../row.ts";
import { fallBehind, subscribe } from "../seed.ts";
import { pairsOf, sideBySide } from "../side-by-side.ts";

const backlog = 100_000;
const slices = 8;
const publications = 5;

/** The dead host refuses, so its rows come round as fast as the hub takes them. */
export const deadBacklog: Row = {
  name: "dead-backlog",
  what: "100,000 subscriptions behind and due, all of one dead host: time to delivery of 100 others, against without",
  bar: { atMost: 1.1 },
  async run(knobs) {
    await using bench = await openBench();
    const group = { name: "others", network: 2, origins: 100, behaviour: "answer" } as const;
    const others = await openAudience(bench.publisher, bench.sink, group);
    const deadTopic = bench.publisher.topic("dead");
    // Nobody listens on a port that only root may open.
    const dead = Array.from({ length: backlog }, (_, i) => `http://127.3.0.1:2/${i}`);
    knobs.tell("putting the backlog into a database");
    const databases = {
      alone: await bench.seed((store) => subscribe(store, others.topic, others.callbacks)),
      beside: await bench.seed(async (store) => {
        await subscribe(store, others.topic, others.callbacks);
        await subscribe(store, deadTopic, dead);
        await fallBehind(store, deadTopic);
      }),
    };
    const measured = await sideBySide(knobs, bench, databases, slices, async (hub) => ({
      others: await publishTimes(publications, others, hub),
    }));
    return { figures: compareLatencies("the others", pairsOf(measured, "others")), details: summarise(measured) };
  },
};
