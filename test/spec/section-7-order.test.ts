import { expect, test } from "vitest";

import { attemptsOf } from "../support/attempts.ts";
import { inTurn } from "../support/in-turn.ts";
import type { Answering } from "../support/peer.ts";
import { openScene, type Scene } from "../support/scene.ts";
import { openSubscriber } from "../support/subscriber.ts";

/** The version of each delivery with its attempt: `two #1`. */
function log({ subscriber }: Scene): readonly string[] {
  return subscriber.deliveries.map(({ body, headers }) => `${body.toString()} #${headers["carillon-attempt"]}`);
}

/** Counts how many requests are open at a time. */
function countingOpen(answering: Answering): { readonly receive: Answering; readonly most: () => number } {
  let open = 0;
  let most = 0;
  return {
    most: () => most,
    async receive(request) {
      open += 1;
      most = Math.max(most, open);
      const answer = await answering(request);
      open -= 1;
      return answer;
    },
  };
}

test("§7 with latest, who is behind skips to the newest version", async () => {
  await using scene = await openScene({ receive: inTurn(503, 204) });
  for (const body of ["one", "two", "three"]) await scene.update(body);
  expect(scene.bodies()).toEqual(["one"]);
  await scene.hub.pass(5000);
  expect(scene.bodies()).toEqual(["one", "three"]);
  await scene.update("four");
  expect(scene.bodies()).toEqual(["one", "three", "four"]);
});

test("§7 with every, who is behind misses nothing, in order", async () => {
  await using scene = await openScene({ receive: inTurn(503, 503, 204) });
  await scene.hub.store.topics.setPolicy(scene.topic, "every");
  for (const body of ["one", "two", "three"]) await scene.update(body);
  expect(log(scene)).toEqual(["one #1"]);
  await scene.hub.pass(5000);
  await scene.hub.pass(60_000);
  expect(log(scene)).toEqual(["one #1", "one #2", "one #3", "two #1", "three #1"]);
  await scene.update("four");
  expect(log(scene).at(-1)).toBe("four #1");
});

test("§7 with every, a publication that was given up is followed by the next one after the last delay", async () => {
  await using scene = await openScene({ receive: inTurn(503, 503, 204), settings: { RETRY_DELAYS_SECONDS: "5" } });
  await scene.hub.store.topics.setPolicy(scene.topic, "every");
  for (const body of ["one", "two", "three"]) await scene.update(body);
  await scene.hub.pass(5000);
  expect(log(scene)).toEqual(["one #1", "one #2"]);
  await scene.hub.pass(5000);
  expect(log(scene)).toEqual(["one #1", "one #2", "two #3", "three #1"]);
  const outcomes = (await attemptsOf(scene.hub, scene.topic)).map(({ seq, outcome }) => `${seq} ${outcome}`);
  expect(outcomes).toEqual(["1 failed", "1 given_up", "2 delivered", "3 delivered"]);
});

test("§7 with every, a failure in the middle of catching up keeps the order", async () => {
  await using scene = await openScene({ receive: inTurn(500, 204, 500, 204) });
  await scene.hub.store.topics.setPolicy(scene.topic, "every");
  for (const body of ["one", "two", "three"]) await scene.update(body);
  await scene.hub.pass(5000);
  await scene.hub.pass(5000);
  expect(log(scene)).toEqual(["one #1", "one #2", "two #1", "two #2", "three #1"]);
});

test("§7 new publications neither hasten nor put off the retry of who is behind", async () => {
  await using scene = await openScene({ receive: inTurn(503, 503, 204) });
  await scene.update("one");
  await scene.hub.pass(5000); // due again after 60 s
  for (const body of ["two", "three", "four"]) {
    await scene.hub.pass(10_000);
    await scene.update(body);
  }
  await scene.hub.pass(29_999);
  expect(scene.bodies()).toEqual(["one", "one"]);
  await scene.hub.pass(1);
  expect(scene.bodies()).toEqual(["one", "one", "four"]);
});

test("§7 who is up to date is served at once although another one is behind", async () => {
  await using scene = await openScene({ receive: inTurn(503) });
  await using other = await openSubscriber();
  await scene.hub.subscribe(scene.topic, other.callback());
  for (const body of ["one", "two", "three"]) await scene.update(body);
  expect(other.deliveries.map(({ body }) => body.toString())).toEqual(["one", "two", "three"]);
  expect(scene.bodies()).toEqual(["one"]);
});

test("§7 a subscription never has two deliveries open, whatever its answers and however fast the updates", async () => {
  const { receive, most } = countingOpen(inTurn(204, 503, 204, 429, 500, 204));
  await using scene = await openScene({ receive });
  await scene.hub.store.topics.setPolicy(scene.topic, "every");
  const versions = Array.from({ length: 12 }, (_, index) => `${index}`);
  const draining: Promise<void>[] = [];
  for (const body of versions) {
    scene.publisher.serve("/feed", { body });
    const { length } = scene.publisher.fetches;
    draining.push(scene.hub.publish(scene.topic));
    await scene.publisher.seen(length + 1);
  }
  await Promise.all(draining);
  for (let round = 0; round < 5; round++) await scene.hub.pass(60_000);
  expect(most()).toBe(1);
  const received = scene.bodies();
  expect([...new Set(received)]).toEqual(versions);
  expect(received).toEqual(received.toSorted((a, b) => Number(a) - Number(b)));
});

test("§7 a subscription begins with the first publication after its verification", async () => {
  await using scene = await openScene();
  await scene.update("one");
  await using late = await openSubscriber();
  await scene.hub.subscribe(scene.topic, late.callback());
  expect(late.deliveries).toEqual([]);
  await scene.update("two");
  expect(late.deliveries.map(({ body }) => body.toString())).toEqual(["two"]);
});
