import { copyFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";

import { openBench } from "../bench.ts";
import { build, startBuiltHub } from "../built-hub.ts";
import { figureAgainst } from "../figure.ts";
import type { Row } from "../row.ts";
import { subscribe } from "../seed.ts";

const subscribers = 10_000;
const settleMs = 3000;
const mostMb = 110;
const longestStartMs = 500;

export const idle: Row = {
  name: "idle",
  what: "the built program with a database of 10,000 subscriptions: memory when idle, and from start to first answer",
  bar: { atMost: 1 },
  async run({ rounds, tell }) {
    await using bench = await openBench();
    await build();
    const callbacks = Array.from({ length: subscribers }, (_, i) => `http://127.2.0.1:9000/${i}`);
    const topic = bench.publisher.topic("idle");
    const database = await bench.seed((store) => subscribe(store, topic, callbacks));
    const measured = [];
    for (let round = 1; round <= rounds; round += 1) {
      tell(`round ${round} of ${rounds}`);
      const file = bench.nextFile();
      await copyFile(database, file);
      await using hub = await startBuiltHub(file);
      await setTimeout(settleMs);
      measured.push({ startMs: hub.startMs, ...(await hub.memory()) });
    }
    const figures = [
      figureAgainst(
        mostMb,
        "resident memory",
        "MB",
        measured.map(({ rssMb }) => rssMb),
      ),
      figureAgainst(
        longestStartMs,
        "start to first answer",
        "ms",
        measured.map(({ startMs }) => startMs),
      ),
    ];
    return { figures, details: measured };
  },
};
