import { setImmediate } from "node:timers/promises";

import { expect, test } from "vitest";

import { crowd, topics } from "./peers.ts";
import { openScene } from "./scene.ts";

test.each([0, 1, 2, 3])(
  "a store that says no once while a host is probed, %i turns after the probe was due, does not leave the host shut",
  async (turns) => {
    const limits = { perOrigin: 64, total: 1000, fetchMinIntervalSeconds: 0, delaysMs: [5000, 60_000] };
    await using scene = await openScene({ policies: ["latest", "latest"], limits });
    const { engine, ledger, peers } = scene;
    const pass = async (ms: number) => {
      engine.clock.advance(ms);
      await engine.rest();
    };
    for (const callback of crowd) scene.subscribe({ topic: topics[0], callback }, 2_592_000);
    await engine.rest();
    peers.down.set("http://c.example", "refused");
    scene.ping(topics[0], true);
    await engine.rest();
    expect(await engine.raw.hosts.listShut()).toHaveLength(1);

    engine.clock.advance(3_600_000);
    for (let turn = 0; turn < turns; turn += 1) await setImmediate();
    engine.outage(1);
    await engine.rest();
    peers.down.clear();
    for (const ms of [2000, 660_000, 500]) await pass(ms);

    expect(await engine.raw.hosts.listShut()).toEqual([]);
    expect(ledger.members.flatMap(({ owed }) => [...owed])).toEqual([]);
    expect(() => scene.assertSound()).not.toThrow();
  },
);
