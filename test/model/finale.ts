import type { AttemptRecord } from "../../src/model/delivery.ts";
import type { Store } from "../../src/store/store.ts";
import type { Scene } from "./scene.ts";
import { isLive, originOf } from "./member.ts";
import { topics } from "./peers.ts";

const plenty = 100_000;

/**
 * From now on everybody answers 2xx: all that is owed must arrive, and all work end. What follows must then reach
 * everybody at once, and nothing may be left in the store.
 */
export async function quiesce(scene: Scene): Promise<void> {
  const { engine, ledger, peers } = scene;
  await scene.haunt(); // what dead processes held may still be under way
  engine.outage(0);
  peers.behaviour.clear();
  peers.down.clear();
  peers.release("204");
  const waiting = ledger.members.filter((one) => one.hastenedBy !== "nothing" && one.claim === undefined);
  const shut = waiting.filter((one) => ledger.hosts.isShut(originOf(one)));
  await passes(scene, [2000, 660_000, 500, 5000, 500]);
  for (const { pair, owed } of shut.filter((one) => isLive(one, engine.clock.now().getTime()))) {
    ledger.insist(owed.size === 0, `${pair} does not get ${[...owed].join(", ")} soon after its host is back`);
  }
  await passes(scene, [40_000_000, 5000, 500]);
  for (const complaint of scene.forgotten(engine.clock.now().getTime())) ledger.faults.push(complaint);
  assertUpToDate(scene, "in the end");

  for (const topic of topics) scene.ping(topic, true);
  await passes(scene, [1000, 500]);
  assertUpToDate(scene, "at once, while nobody is behind");
  await passes(scene, [5000]);
  await assertNothingLeft(scene, await engine.end());
  scene.assertSound();
}

async function passes({ engine, assertSound }: Scene, steps: readonly number[]): Promise<void> {
  await engine.rest();
  for (const ms of steps) {
    engine.clock.advance(ms);
    await engine.rest();
  }
  assertSound();
}

function assertUpToDate({ engine, ledger, assertSound }: Scene, when: string): void {
  for (const member of ledger.members.filter((one) => isLive(one, engine.clock.now().getTime()))) {
    const { owed, claim, pair } = member;
    ledger.insist(owed.size === 0, `${pair} does not get ${[...owed].join(", ")} ${when}`);
    ledger.insist(claim === undefined, `${pair}: publication ${claim?.seq} is never settled`);
  }
  assertSound();
}

/** No process uses the store, and what the last one held is free. */
async function assertNothingLeft({ engine, ledger }: Scene, store: Store): Promise<void> {
  const now = engine.clock.now();
  const chunk = await store.fanOuts.claimChunk(now);
  ledger.insist(chunk.kind === "idle", `a fan-out is left: ${JSON.stringify(chunk)}`);
  const later = new Date(now.getTime() + 7_200_000);
  const behind = await store.behind.claimCatchUps(plenty, plenty, later);
  ledger.insist(behind.length === 0, `somebody is still behind: ${JSON.stringify(behind)}`);
  for (const [topicId, { bodies }] of ledger.topics) {
    for (const seq of bodies.keys().map((i) => i + 1)) {
      const key = { topicId, seq };
      const progress = await store.fanOuts.progress(key);
      ledger.insist(progress?.done !== false, `the fan-out of ${topicId}/${seq} is never done`);
      const isKept = await store.publications.load(key).then(
        () => true,
        () => false,
      );
      ledger.insist(!isKept, `publication ${topicId}/${seq} is kept, and nobody is owed it`);
    }
    assertRecorded(ledger, topicId, await store.attempts.newest(topicId, plenty));
  }
}

/** Each delivery and each give-up is on record, once. */
function assertRecorded(ledger: Scene["ledger"], topicId: number, log: readonly AttemptRecord[]): void {
  const told = new Map<string, number>();
  for (const { subscriptionId, seq, outcome } of log) {
    const name = `${subscriptionId} ${seq} ${outcome}`;
    told.set(name, (told.get(name) ?? 0) + 1);
  }
  for (const { id, seq, how } of ledger.settled.filter((one) => one.topicId === topicId)) {
    const count = told.get(`${id} ${seq} ${how}`) ?? 0;
    ledger.insist(count === 1, `${count} records say that ${topicId}/${seq} was ${how} for ${id}`);
  }
}
