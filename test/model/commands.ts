import { setImmediate } from "node:timers/promises";

import fc from "fast-check";

import { unlessUnavailable } from "./gate.ts";
import { behaviours, crowd, hosts, topics } from "./peers.ts";
import { pairs, type Scene } from "./scene.ts";
import { pairOf } from "./member.ts";

/** The commands keep no model of their own: the scene's ledger judges whatever happens. */
export type Command = fc.AsyncCommand<object, Scene>;

const shortLease = 600;
const longLease = 2_592_000;
const minute = 60_000;

const pair = fc.constantFrom(...pairs);
const topic = fc.constantFrom(...new Set(pairs.map((one) => one.topic)));
/** Turns of the event loop before the next command; absent: until nothing moves. */
const turns = fc.option(fc.nat(8), { nil: undefined, freq: 2 });

/** Everything that may happen to the engine, more or less often. */
export function commandsOf(maxCommands: number): fc.Arbitrary<Iterable<Command>> {
  return fc.commands(kinds, { maxCommands, size: "max" });
}

const subscribe = fc
  .record({ pair, leaseSeconds: fc.constantFrom(longLease, longLease, shortLease), turns })
  .map((args) => command("subscribe", args, (scene) => scene.subscribe(args.pair, args.leaseSeconds), args.turns));

const forge = fc
  .record({ pair, turns })
  .map((args) => command("forge", args, (scene) => scene.subscribe(args.pair, longLease, true), args.turns));

const unsubscribe = fc
  .record({ pair, turns })
  .map((args) => command("unsubscribe", args, (scene) => scene.unsubscribe(args.pair), args.turns));

const publish = fc
  .record({ topic, turns })
  .map((args) => command("publish", args, (scene) => scene.ping(args.topic, true), args.turns));

const storm = fc
  .record({ topic, isNew: fc.boolean(), gaps: fc.array(fc.nat(4), { maxLength: 6 }), turns })
  .map((args) =>
    command(
      "storm",
      args,
      async (scene) => {
        for (const gap of args.gaps) {
          scene.ping(args.topic, args.isNew);
          await turn(gap);
        }
      },
      args.turns,
    ),
  );

const behave = fc
  .record({ pair, as: fc.constantFrom(...behaviours, "held", "held", "500") })
  .map((args) =>
    command(
      "behave",
      args,
      ({ peers }) => void peers.behaviour.set(pairOf(args.pair.topic, args.pair.callback), args.as),
      0,
    ),
  );

const release = fc
  .record({ as: fc.constantFrom("204", "204", "500", "410", "refused"), pick: fc.nat(20), turns })
  .map((args) => command("release", args, ({ peers }) => peers.release(args.as, args.pick), args.turns));

const advance = fc
  .record({
    ms: fc.constantFrom(
      50,
      250,
      250,
      2000,
      2000,
      2000,
      5000,
      5000,
      15_000,
      minute,
      10 * minute,
      60 * minute,
      300 * minute,
      3 * 1440 * minute,
    ),
    turns,
  })
  .map((args) => command("advance", args, ({ engine }) => engine.pass(args.ms), args.turns));

const remove = fc
  .record({ pair, turns })
  .map((args) =>
    command(
      "remove",
      args,
      ({ engine }) => void unlessUnavailable(engine.store.subscriptions.remove(args.pair.topic, args.pair.callback)),
      args.turns,
    ),
  );

const restart = fc.record({ ms: fc.constantFrom(0, 50, 2000, 7000), isAnswered: fc.boolean() }).map((args) =>
  command("restart", args, ({ engine, peers }) =>
    engine.restart(args.ms, () => {
      if (args.isAnswered) peers.release("204");
    }),
  ),
);

const crash = fc
  .record({ answers: fc.oneof(fc.constant(0), fc.nat(30)), turns })
  .map((args) => command("crash", args, ({ engine }) => engine.crash(args.answers), args.turns));

/** An answer that comes just when the hub ceases to wait for it. */
const late = fc
  .record({
    ms: fc.constantFrom(250, 2000, 15_000),
    gap: fc.nat(4),
    as: fc.constantFrom("204", "500", "410"),
    pick: fc.option(fc.nat(20), { nil: undefined }),
    turns,
  })
  .map((args) =>
    command(
      "late",
      args,
      async ({ engine, peers }) => {
        await engine.pass(args.ms);
        await turn(args.gap);
        peers.release(args.as, args.pick);
      },
      args.turns,
    ),
  );

/** A lease that has ended and was not cleaned up yet, when the subscriber comes back. */
const lapse = fc.record({ pair, isPublished: fc.boolean(), turns }).map((args) =>
  command(
    "lapse",
    args,
    async (scene) => {
      scene.subscribe(args.pair, shortLease);
      await scene.engine.rest();
      scene.engine.clock.advance(shortLease * 1000 - 2000);
      await scene.engine.rest();
      if (args.isPublished) scene.ping(args.pair.topic, true);
      scene.engine.clock.advance(2000);
      scene.subscribe(args.pair, longLease);
    },
    args.turns,
  ),
);

/** What happens to a subscription while a delivery to it is unanswered. */
const overtake = fc
  .record({
    pair,
    by: fc.constantFrom("subscribe", "unsubscribe", "nothing"),
    ms: fc.constantFrom(0, 2000),
    as: fc.constantFrom("204", "500", "410", undefined),
    turns,
  })
  .map((args) =>
    command(
      "overtake",
      args,
      async (scene) => {
        const { engine, peers } = scene;
        peers.behaviour.set(pairOf(args.pair.topic, args.pair.callback), "held");
        scene.ping(args.pair.topic, true);
        await engine.rest();
        engine.clock.advance(args.ms);
        if (args.by === "subscribe") scene.subscribe(args.pair, longLease);
        if (args.by === "unsubscribe") scene.unsubscribe(args.pair);
        await engine.rest();
        if (args.as !== undefined) peers.release(args.as);
      },
      args.turns,
    ),
  );

const outage = fc
  .record({ times: fc.integer({ min: 1, max: 20 }) })
  .map((args) => command("outage", args, ({ engine }) => engine.outage(args.times), 0));

const hostDown = fc
  .record({ host: fc.constantFrom(...hosts), as: fc.constantFrom("refused", "held", "503", "500") })
  .map((args) => command("hostDown", args, ({ peers }) => void peers.down.set(args.host, args.as), 0));

const hostUp = fc
  .record({ host: fc.constantFrom(...hosts) })
  .map((args) => command("hostUp", args, ({ peers }) => void peers.down.delete(args.host), 0));

/** A dozen at one host, which is down: its breaker opens. */
const collapse = fc
  .record({
    policy: fc.constantFrom(0, 1),
    as: fc.constantFrom("refused", "refused", "held"),
    seconds: fc.nat(40),
    turns,
  })
  .map((args) =>
    command(
      "collapse",
      args,
      async (scene) => {
        const to = topics[args.policy] ?? topics[0];
        for (const callback of crowd) scene.subscribe({ topic: to, callback }, longLease);
        await scene.engine.rest();
        scene.peers.down.set("http://c.example", args.as);
        scene.ping(to, true);
        await scene.engine.rest();
        for (let i = 0; i < 20; i++) {
          scene.engine.clock.advance(args.seconds * 50);
          await turn(3);
        }
      },
      args.turns,
    ),
  );

const haunt = fc.constant(command("haunt", {}, (scene) => scene.haunt()));

const weights: readonly (readonly [number, fc.Arbitrary<Command>])[] = [
  [2, subscribe],
  [1, forge],
  [1, unsubscribe],
  [6, publish],
  [2, storm],
  [7, behave],
  [4, release],
  [8, advance],
  [1, remove],
  [1, restart],
  [2, crash],
  [1, haunt],
  [1, outage],
  [2, overtake],
  [2, hostDown],
  [2, hostUp],
  [2, collapse],
  [3, late],
  [1, lapse],
];
const kinds = weights.flatMap(([weight, kind]) => Array.from({ length: weight }, () => kind));

function command(
  name: string,
  args: object,
  act: (scene: Scene) => void | Promise<void>,
  turnsAfter?: number,
): Command {
  return {
    check: () => true,
    async run(_, scene) {
      await act(scene);
      if (turnsAfter === undefined) await scene.engine.rest();
      else await turn(turnsAfter);
      scene.assertSound();
    },
    toString: () => `${name} ${JSON.stringify({ ...args, turns: turnsAfter })}`,
  };
}

async function turn(times: number): Promise<void> {
  for (let i = 0; i < times; i += 1) await setImmediate();
}
