import { setTimeout } from "node:timers/promises";

import type { Ask } from "./ask.ts";

const patienceMs = 60_000;

const unsettled = `
  SELECT 'a fan-out is left open' FROM fan_outs WHERE NOT done
  UNION ALL SELECT 'a chunk is left open' FROM chunks
  UNION ALL SELECT 'a subscription is left behind' FROM behind
  UNION ALL SELECT 'a fetch is left open' FROM topics WHERE fetch_due_at IS NOT NULL
  LIMIT 5`;

const odd = [
  `SELECT 'the receipt of version ' || f.seq || ' tells of ' || delivered + behind + handed_over + gone
     FROM fan_outs f JOIN topics t ON t.id = f.topic_id
    WHERE t.policy = 'every' AND delivered + behind + handed_over + gone <> t.subscribers`,
  `SELECT origin || ' is taken for dead' FROM hosts LIMIT 5`,
  `SELECT 'a delivery was ' || outcome || ': ' || coalesce(reason, status::text) FROM attempts
    WHERE outcome IN ('given_up', 'gone') LIMIT 5`,
];

/** Waits for the end of all work. Resolves with what then contradicts what was played, in words. */
export async function untilSettled(ask: Ask): Promise<readonly string[]> {
  const untilMs = performance.now() + patienceMs;
  let left = await ask(unsettled);
  while (left.length > 0 && performance.now() < untilMs) {
    await setTimeout(200);
    left = await ask(unsettled);
  }
  const told: string[] = [...left];
  for (const question of odd) told.push(...(await ask(question)));
  return told;
}
