import { tryHub } from "../../hostile/catalogue.ts";
import { build } from "../built-hub.ts";
import { figureAgainst } from "../figure.ts";
import type { Row } from "../row.ts";

const longestMs = 100;
const mostMb = 300;

export const catalogue: Row = {
  name: "catalogue",
  what: "the built program while all hostile input of test/hostile is done to it: its slowest answer about its health, and its memory",
  bar: { atMost: 1 },
  async run({ rounds, tell }) {
    await build();
    const measured = [];
    for (let round = 1; round <= rounds; round += 1) {
      tell(`round ${round} of ${rounds}`);
      const { vitals } = await tryHub();
      measured.push(vitals);
    }
    const slowest = measured.map(({ slowestMs }) => slowestMs);
    const most = measured.map((vitals) => vitals.mostMb);
    return {
      figures: [
        figureAgainst(longestMs, "slowest health answer", "ms", slowest),
        figureAgainst(mostMb, "most resident memory", "MB", most),
      ],
      details: measured,
    };
  },
};
