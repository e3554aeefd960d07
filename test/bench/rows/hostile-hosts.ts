import { callbacksAt, openAudience } from "../audience.ts";
import { openBench } from "../bench.ts";
import { compareLatencies, publishTimes, summarise } from "../latencies.ts";
import type { Row } from "../row.ts";
import { subscribe } from "../seed.ts";
import { pairsOf, sideBySide } from "../side-by-side.ts";

const behaviours = ["hang", "drip", "hints", "redirect"] as const;
const ofEach = 125;
/** What a subscriber takes to answer. */
const answerMs = 200;
const slices = 5;
const laterOnes = 3;

export const hostileHosts: Row = {
  name: "hostile-hosts",
  what: "500 subscribers that never answer, drip, flood 103s or redirect beside one that answers: its time, against it alone",
  bar: { atMost: 1.2 },
  async run(knobs) {
    await using bench = await openBench();
    const group = { name: "healthy", network: 2, origins: 1, behaviour: "answer", afterMs: answerMs } as const;
    const { topic, callbacks, ...audience } = await openAudience(bench.publisher, bench.sink, group);
    const hostile: (readonly string[])[] = [];
    for (const [i, behaviour] of behaviours.entries()) {
      const kind = { name: behaviour, network: 3 + i, origins: ofEach, behaviour } as const;
      hostile.push(callbacksAt(await bench.troubleSink.ask("serve", kind)));
    }
    const databases = {
      alone: await bench.seed((store) => subscribe(store, topic, callbacks)),
      beside: await bench.seed((store) => subscribe(store, topic, [...hostile.flat(), ...callbacks])),
    };
    const measured = await sideBySide(knobs, bench, databases, slices, async (hub, slice) => {
      const times = await publishTimes(slice > 0 ? laterOnes : 1, { topic, callbacks, ...audience }, hub);
      return slice > 0 ? { later: times } : { first: times };
    });
    const figures = ["first", "later"].flatMap((name) => compareLatencies(name, pairsOf(measured, name)).slice(0, 1));
    return { figures, details: summarise(measured) };
  },
};
