import { type Audience, openAudience } from "../audience.ts";
import { type Bench, openBench } from "../bench.ts";
import type { BenchHub } from "../bench-hub.ts";
import { figureOf } from "../figure.ts";
import type { Row } from "../row.ts";
import { subscribe } from "../seed.ts";

const callbacks = 2000;

/** One hub for both, since neither troubles the other. */
export const manyOrigins: Row = {
  name: "many-origins",
  what: "2,000 subscribers at an origin each: time and CPU per delivery, against as many at 20 origins",
  bar: undefined,
  async run({ rounds, tell }) {
    await using bench = await openBench();
    const open = (name: string, network: number, origins: number) =>
      openAudience(
        bench.publisher,
        bench.sink,
        { name, network, origins, behaviour: "answer" },
        { perOrigin: callbacks / origins },
      );
    const [many, few] = [await open("many", 2, callbacks), await open("few", 3, 20)];
    const database = await bench.seed(async (store) => {
      for (const audience of [many, few]) await subscribe(store, audience.topic, audience.callbacks);
    });
    await using hub = await bench.startHub(database);
    const measured = [];
    for (let round = 0; round <= rounds; round += 1) {
      tell(round === 0 ? "warm-up round" : `round ${round} of ${rounds}`);
      measured.push({ reference: await measure(bench, hub, few), ours: await measure(bench, hub, many) });
    }
    const details = measured.slice(1);
    const compare = (what: string, of: (costs: Costs) => number) =>
      figureOf(
        what,
        "µs",
        details.map(({ ours, reference }) => ({ ours: of(ours), reference: of(reference) })),
      );
    const figures = [
      compare("new connections, time per delivery", (costs) => costs.new.wallUs),
      compare("new connections, CPU per delivery", (costs) => costs.new.cpuUs),
      compare("warm connections, time per delivery", (costs) => costs.warm.wallUs),
      compare("warm connections, CPU per delivery", (costs) => costs.warm.cpuUs),
    ];
    return { figures, details };
  },
};

type Costs = Awaited<ReturnType<typeof measure>>;

/** A publication over new connections, and one that finds them open. */
async function measure(bench: Bench, hub: BenchHub, audience: Audience) {
  await audience.drop();
  await bench.warmUp(hub, 1);
  const fresh = await publishOnce(hub, audience);
  await hub.begin();
  return { new: fresh, warm: await publishOnce(hub, audience) };
}

async function publishOnce(hub: BenchHub, audience: Audience) {
  const lastMs = Math.max(...(await audience.publish(hub)));
  const usage = await hub.usage();
  return { wallUs: (lastMs * 1000) / callbacks, cpuUs: (usage.cpuMs * 1000) / callbacks, ...usage };
}
