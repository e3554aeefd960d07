import { expect, test } from "vitest";

import { attemptsOf } from "../support/attempts.ts";
import { callbacksAt, subscribeAll } from "../support/crowd.ts";
import { historiesOf, openOutage } from "../support/outage.ts";
import type { Answer } from "../support/peer.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";

const minute = 60_000;
const hour = 60 * minute;

/** As many of these as there are callbacks, by path. */
function each<T>(count: number, prefix: string, value: T): Record<string, T> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`/${prefix}${index}`, value]));
}

test("§7 when a shut host answers a probe, all that waits there comes at once, in order, though it would be due in hours", async () => {
  await using outage = await openOutage({ settings: { RETRY_DELAYS_SECONDS: "36000" } });
  const { hub, publisher, host } = outage;
  await outage.subscribe("/latest", 10, "latest");
  await outage.subscribe("/every", 10, "every");
  await hub.store.topics.setPolicy(publisher.topic("/every"), "every");
  await outage.shut("/latest", "one");
  for (const body of ["one", "two", "three"]) await outage.update("/every", body);
  await outage.update("/latest", "two");
  for (const seconds of [30, 60, 120]) await hub.pass(seconds * 1000);
  outage.up();
  expect(host.deliveries).toEqual([]);
  await hub.pass(240_000 - 1);
  expect(host.deliveries).toEqual([]);
  await hub.pass(1);
  expect(historiesOf(host)).toEqual({
    ...each(10, "latest", ["two"]),
    ...each(10, "every", ["one", "two", "three"]),
  });
  expect(await hub.store.hosts.listShut()).toEqual([]);

  await outage.update("/latest", "three");
  expect(host.deliveries.filter(({ body }) => body.toString() === "three")).toHaveLength(20);
});

test.each([200, 302, 404])(
  "§7 a %i to a probe opens its host again: it is there, and all that waits is sent",
  async (status) => {
    let answer: Answer = { status };
    await using outage = await openOutage({ receive: () => answer, settings: { RETRY_DELAYS_SECONDS: "36000" } });
    const { hub, host } = outage;
    await outage.subscribe("/feed", 10);
    await outage.shut("/feed", "one");
    outage.up();
    await hub.pass(30_000);
    expect(await hub.store.hosts.listShut()).toEqual([]);
    expect(Object.keys(historiesOf(host))).toHaveLength(10);
    const before = host.deliveries.length;
    answer = { status: 204 };
    await hub.pass(10 * hour);
    expect(host.deliveries.length - before).toBe(status === 200 ? 0 : 10);
  },
);

test.each([429, 500, 503])(
  "§7 a %i to a probe opens its host again: it is reached, and what waits is sent after its first 2xx",
  async (status) => {
    let answer: Answer = { status };
    await using outage = await openOutage({ receive: () => answer, settings: { RETRY_DELAYS_SECONDS: "36000" } });
    const { hub, host } = outage;
    await outage.subscribe("/feed", 10);
    await outage.subscribe("/other", 1, "other");
    await outage.shut("/feed", "one");
    outage.up();
    await hub.pass(30_000);
    expect(await hub.store.hosts.listShut()).toEqual([]);
    expect(host.deliveries).toHaveLength(1);
    answer = { status: 204 };
    await outage.update("/other", "it is back");
    await hub.pass(5000); // an attempt that probed waits at least so long
    expect(Object.keys(historiesOf(host))).toHaveLength(11);
    expect(host.deliveries).toHaveLength(status === 429 ? 11 : 12);
  },
);

test("§7 a host that is dead again soon after is shut again, for as long as the first time", async () => {
  await using outage = await openOutage({ settings: { RETRY_DELAYS_SECONDS: "36000" } });
  const { hub, host } = outage;
  await outage.subscribe("/feed", 20);
  await outage.shut("/feed", "one");
  await hub.pass(30_000);
  outage.up();
  await hub.pass(60_000);
  expect(Object.keys(historiesOf(host))).toHaveLength(20);
  await outage.shut("/feed", "two");
  expect(await hub.store.hosts.listShut()).toMatchObject([{ trips: 1 }]);
});

test("§7 a host that is back after a day has everything within ten minutes, and nothing was given up", async () => {
  await using outage = await openOutage();
  const { hub, publisher, host } = outage;
  const topics = ["/latest", "/every"];
  await outage.subscribe("/latest", 20, "latest");
  await outage.subscribe("/every", 20, "every");
  await hub.store.topics.setPolicy(publisher.topic("/every"), "every");
  await outage.shut("/latest", "-1");
  const hours = Array.from({ length: 24 }, (_, index) => `${index}`);
  for (const body of hours) {
    for (const path of topics) await outage.update(path, body);
    for (let passed = 0; passed < hour; passed += 10 * minute) await hub.pass(10 * minute);
  }
  const tries = outage.tries();
  outage.up();
  for (let passed = 0; passed < 10 * minute; passed += minute) await hub.pass(minute);
  expect(historiesOf(host)).toEqual({ ...each(20, "latest", ["23"]), ...each(20, "every", hours) });
  for (const path of topics) {
    const outcomes = (await attemptsOf(hub, publisher.topic(path))).map(({ outcome }) => outcome);
    expect(outcomes).not.toContain("given_up");
  }
  expect(tries).toBeLessThan(250); // 40 verifications, ten attempts and what was under way, and six probes an hour
});

/** Two callbacks in trouble and one that is well, all at one host that is not dead. The trouble would be over in hours. */
async function openTroubled(troubles: Readonly<Record<string, Answer>>) {
  const stack = new AsyncDisposableStack();
  const hub = stack.use(await openTestHub({ settings: { RETRY_DELAYS_SECONDS: "36000" } }));
  const publisher = stack.use(await openPublisher());
  const answers = new Map(Object.entries(troubles));
  const subscriber = stack.use(
    await openSubscriber({ receive: ({ target }) => answers.get(target) ?? { status: 204 } }),
  );
  const callbacks = [...answers.keys()].map((path) => subscriber.callback(path));
  await subscribeAll(hub, publisher.topic("/feed"), callbacks);
  await hub.subscribe(publisher.topic("/other"), subscriber.callback("/well"));
  publisher.serve("/feed", { body: "one" });
  await hub.publish(publisher.topic("/feed"));
  let version = 0;
  return {
    hub,
    answers,
    /** How often each callback was sent to. */
    counts: () => [...answers.keys()].map((path) => historiesOf(subscriber)[path]?.length ?? 0),
    /** Has the callback that is well answer 204. */
    async succeed() {
      publisher.serve("/other", { body: `${(version += 1)}` });
      await hub.publish(publisher.topic("/other"));
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test("§7 the first 2xx of a host after trouble makes due at once what its trouble has put off for hours", async () => {
  await using scene = await openTroubled(each(6, "", { status: 503 }));
  scene.answers.set("/0", { status: 204 });
  for (const path of scene.answers.keys()) scene.answers.set(path, { status: 204 });
  await scene.hub.pass(hour);
  expect(scene.counts()).toEqual([1, 1, 1, 1, 1, 1]);
  await scene.succeed();
  expect(scene.counts()).toEqual([2, 2, 2, 2, 2, 2]);
});

test("§7 so does the first 2xx after a restart", async () => {
  await using scene = await openTroubled(each(3, "", { status: 503 }));
  for (const path of scene.answers.keys()) scene.answers.set(path, { status: 204 });
  await scene.hub.restart();
  await scene.hub.drain();
  expect(scene.counts()).toEqual([1, 1, 1]);
  await scene.succeed();
  expect(scene.counts()).toEqual([2, 2, 2]);
});

test.each<{ what: string; answer: Answer; hastened: boolean }>([
  { what: "a 500", answer: { status: 500 }, hastened: true },
  { what: "a 503", answer: { status: 503 }, hastened: true },
  { what: "a 503 with Retry-After", answer: { status: 503, headers: { "Retry-After": "60" } }, hastened: false },
  { what: "a 429", answer: { status: 429 }, hastened: false },
  { what: "a 404", answer: { status: 404 }, hastened: false },
  { what: "a 301", answer: { status: 301 }, hastened: false },
])("§7 a 2xx of the same host hastens what waits after $what: $hastened", async ({ answer, hastened }) => {
  await using scene = await openTroubled({ "/one": answer });
  scene.answers.set("/one", { status: 204 });
  await scene.succeed();
  expect(scene.counts()).toEqual([hastened ? 2 : 1]);
  await scene.hub.pass(10 * hour);
  expect(scene.counts()).toEqual([2]);
});

test("§7 the recovery of one host, or of one port of it, hastens nothing at another", async () => {
  await using scene = await openTroubled(each(3, "", { status: 503 }));
  await using publisher = await openPublisher();
  let status = 503;
  await using elsewhere = await openSubscriber({ receive: () => ({ status }) });
  const { hub } = scene;
  await subscribeAll(hub, publisher.topic("/feed"), callbacksAt(elsewhere, 3));
  await hub.subscribe(publisher.topic("/other"), elsewhere.callback("/well"));
  for (const path of ["/feed", "/other"]) {
    publisher.serve(path, { body: "one" });
    await hub.publish(publisher.topic(path));
    status = 204;
  }
  expect(historiesOf(elsewhere)).toEqual({ ...each(3, "", ["one", "one"]), "/well": ["one"] });
  expect(scene.counts()).toEqual([1, 1, 1]);
});

test("§7 however many wait at a host, all are hastened", async () => {
  await using scene = await openTroubled(each(600, "", { status: 503 }));
  expect(new Set(scene.counts())).toEqual(new Set([1]));
  for (const path of scene.answers.keys()) scene.answers.set(path, { status: 204 });
  await scene.succeed();
  expect(new Set(scene.counts())).toEqual(new Set([2]));
});

test("§7 a callback that always fails beside one that always succeeds is tried twice per wait at most", async () => {
  await using scene = await openTroubled(each(2, "", { status: 500 }));
  for (let i = 0; i < 10; i++) {
    await scene.succeed();
    await scene.hub.pass(10 * minute);
  }
  expect(scene.counts()).toEqual([2, 2]);
  await scene.hub.pass(10 * hour); // the retry that is its last, and given up
  expect(scene.counts()).toEqual([3, 3]);
  for (let i = 0; i < 10; i++) await scene.succeed();
  expect(scene.counts()).toEqual([3, 3]); // it is owed nothing
});
