import { expect, test } from "vitest";

import { openScene, pairs } from "./scene.ts";

test("a subscription that ends while its catch-up waits for its turn is no fault: nothing is sent, nothing goes wrong", async () => {
  const limits = { perOrigin: 1, total: 1000, fetchMinIntervalSeconds: 0, delaysMs: [5000, 60_000] };
  await using scene = await openScene({ policies: ["latest", "latest"], limits });
  const { engine, peers } = scene;
  const [, held, , failing] = pairs; // two topics, one origin
  if (held === undefined || failing === undefined) throw new Error("the scene has other pairs");
  const pass = async (ms: number) => {
    engine.clock.advance(ms);
    await engine.rest();
  };
  peers.behaviour.set(`${failing.topic} -> ${failing.callback}`, "500");
  scene.ping(failing.topic, true);
  await engine.rest();
  await pass(4100);
  peers.behaviour.set(`${held.topic} -> ${held.callback}`, "held"); // takes the origin's only place
  scene.ping(held.topic, true);
  await engine.rest();
  await pass(1500); // the other one's retry is claimed and waits
  await engine.store.subscriptions.remove(failing.topic, failing.callback);
  await pass(5000);
  await pass(5000); // upkeep has retired the publication
  peers.release("204");
  await engine.rest();

  expect(() => scene.assertSound()).not.toThrow();
});
