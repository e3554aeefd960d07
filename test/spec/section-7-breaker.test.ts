import { expect, test } from "vitest";

import { attemptsOf } from "../support/attempts.ts";
import { callbacksAt, subscribeAll, ticking, turns } from "../support/crowd.ts";
import { byName, NameServer } from "../support/name-server.ts";
import { type Outage, openOutage } from "../support/outage.ts";
import { openPublisher } from "../support/publisher.ts";
import { toUnsubscribe } from "../support/requests.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";
import { until } from "../support/until.ts";

/** After every probe that fails the next one comes twice as late. */
const pausesSeconds = [30, 60, 120, 240, 480, 600, 600, 600];
const wallClockMs = 15_000;

/** Passes a pause and expects one probe at its end, and nothing before. */
async function passPause({ hub, tries }: Outage, seconds: number): Promise<void> {
  const before = tries();
  await hub.pass(seconds * 1000 - 1);
  expect(tries()).toBe(before);
  await hub.pass(1);
  expect(tries()).toBe(before + 1);
}

function attemptHeaders({ host }: Outage): readonly (string | undefined)[] {
  return host.deliveries.map(({ headers }) => headers["carillon-attempt"]);
}

test("§7 after ten attempts that were refused nothing more is sent to a host, save those under way", async () => {
  await using outage = await openOutage();
  const { hub, host } = outage;
  await outage.subscribe("/feed", 30);
  const before = outage.tries();
  await outage.shut("/feed", "one");
  const tried = outage.tries() - before;
  expect(tried).toBeGreaterThanOrEqual(10);
  expect(tried).toBeLessThanOrEqual(13); // 4 at a time
  const until30s = new Date(hub.clock.now().getTime() + 30_000);
  expect(await hub.store.hosts.listShut()).toEqual([{ origin: host.origin, trips: 1, until: until30s }]);
  const log = await attemptsOf(hub, outage.publisher.topic("/feed"));
  expect(log.map(({ attempt, outcome, reason }) => `${attempt} ${outcome} ${reason?.split(":")[0]}`)).toEqual(
    Array.from({ length: tried }, () => "1 failed refused"),
  );
  expect(await hub.store.fanOuts.progress({ topicId: 1, seq: 1 })).toMatchObject({ done: true, behind: 30 });

  await outage.update("/feed", "two");
  await hub.pass(5000); // the retries would be due
  expect(outage.tries() - before).toBe(tried);
});

test("§7 nine attempts that were refused shut no host, and neither does the tenth if it is answered", async () => {
  await using outage = await openOutage();
  await outage.subscribe("/feed", 9);
  outage.down();
  await outage.update("/feed", "one");
  expect(await outage.hub.store.hosts.listShut()).toEqual([]);
  outage.up();
  await outage.hub.pass(5000);
  expect(outage.host.deliveries).toHaveLength(9);
});

test("§7 a host that hangs is shut like one that refuses", async () => {
  await using outage = await openOutage({ receive: () => "hang", running: true });
  const { hub, publisher, host } = outage;
  await outage.subscribe("/feed", 12);
  publisher.serve("/feed", { body: "one" });
  await hub.post({ "hub.mode": "publish", "hub.url": publisher.topic("/feed") });
  await until(() => host.deliveries.length === 4);
  await ticking(hub, () => host.deliveries.length === 8); // they step aside for four more
  // So do those, and the rest falls behind.
  await ticking(hub, async () => (await hub.store.fanOuts.progress({ topicId: 1, seq: 1 }))?.done === true);
  await ticking(hub, () => host.deliveries.length === 12);
  expect(await hub.store.hosts.listShut()).toEqual([]);
  await ticking(hub, async () => (await hub.store.hosts.listShut()).length === 1);
});

test("§7 a shut host gets one probe after 30 s, and after each that fails the next one twice as late, every ten minutes in the end", async () => {
  await using outage = await openOutage();
  await outage.subscribe("/feed", 30);
  await outage.shut("/feed", "one");
  for (const seconds of pausesSeconds) await passPause(outage, seconds);
  expect(await outage.hub.store.hosts.listShut()).toMatchObject([{ trips: 9 }]);
});

test("§7 a probe that gets no answer is the only request to its host until it ends", async () => {
  await using outage = await openOutage({ receive: () => "hang" });
  const { hub, host } = outage;
  await outage.subscribe("/feed", 30);
  await outage.shut("/feed", "one");
  outage.up();
  const probing = hub.pass(30_000);
  await until(() => host.deliveries.length === 1);
  hub.clock.advance(wallClockMs - 1);
  await turns();
  hub.clock.advance(1);
  await probing;
  expect(host.deliveries).toHaveLength(1);
  outage.down();
  await passPause(outage, 60);
});

test("§7 a probe before a delivery is due uses up none of its attempts", async () => {
  await using outage = await openOutage({ settings: { RETRY_DELAYS_SECONDS: "36000,36000" } });
  const { hub } = outage;
  await outage.subscribe("/feed", 10);
  await outage.shut("/feed", "one");
  for (const seconds of pausesSeconds) await passPause(outage, seconds);
  const log = await attemptsOf(hub, outage.publisher.topic("/feed"));
  expect(log.map(({ attempt, outcome }) => `${attempt} ${outcome}`)).toEqual([
    ...Array.from({ length: 10 }, () => "1 failed"),
    ...pausesSeconds.map(() => "2 failed"),
  ]);
  outage.up();
  await hub.pass(600_000);
  expect(attemptHeaders(outage)).toEqual(Array.from({ length: 10 }, () => "2"));
});

test("§7 a shut host costs those beside it nothing", async () => {
  await using outage = await openOutage();
  const { hub, publisher } = outage;
  await using healthy = await openSubscriber();
  await outage.subscribe("/feed", 30);
  await hub.subscribe(publisher.topic("/feed"), healthy.callback());
  const start = hub.clock.now().getTime();
  await outage.shut("/feed", "one");
  for (const body of ["two", "three"]) await outage.update("/feed", body);
  expect(healthy.deliveries.map(({ body }) => body.toString())).toEqual(["one", "two", "three"]);
  expect(hub.clock.now().getTime()).toBe(start);
});

test("§5.3 a subscriber at a shut host is asked whether it wants to subscribe or unsubscribe", async () => {
  await using outage = await openOutage();
  const { hub, publisher, host } = outage;
  const topic = publisher.topic("/feed");
  await outage.subscribe("/feed", 30);
  await outage.shut("/feed", "one");
  outage.up(); // what the hub knows only after the next probe
  await hub.subscribe(topic, host.callback("/new"));
  await hub.post(toUnsubscribe(topic, host.callback("/0")));
  await hub.drain();
  expect(await hub.store.subscriptions.find(topic, host.callback("/new"))).toBeDefined();
  expect(await hub.store.subscriptions.find(topic, host.callback("/0"))).toBeUndefined();
  expect(await hub.store.hosts.listShut()).toHaveLength(1);
  expect(host.deliveries).toEqual([]);
});

test("§7 a restart neither opens a shut host nor shortens or lengthens its pause", async () => {
  await using outage = await openOutage();
  const { hub } = outage;
  await outage.subscribe("/feed", 30);
  await outage.shut("/feed", "one");
  for (const seconds of [30, 60]) await passPause(outage, seconds);
  const tried = outage.tries();
  hub.clock.advance(20_000);
  await hub.restart();
  await outage.update("/feed", "two");
  expect(outage.tries()).toBe(tried);
  await passPause(outage, 100); // of 120
  await hub.restart();
  await passPause(outage, 240);

  const [shut] = await hub.store.hosts.listShut();
  hub.clock.advance(86_400_000);
  await hub.restart();
  expect(await hub.store.hosts.listShut()).toEqual([shut]);
  const before = outage.tries();
  await hub.drain();
  expect(outage.tries()).toBe(before + 1);
  await passPause(outage, 600);
});

test("§7 a host behind which nothing waits any more is not shut any more", async () => {
  await using outage = await openOutage();
  const { hub, publisher, host } = outage;
  await outage.subscribe("/feed", 30);
  await outage.shut("/feed", "one");
  for (const callback of callbacksAt(host, 30))
    await hub.store.subscriptions.remove(publisher.topic("/feed"), callback);
  const before = outage.tries();
  await hub.pass(30_000);
  expect(await hub.store.hosts.listShut()).toEqual([]);
  expect(outage.tries()).toBe(before);
});

test("§7 faults of the hub's own shut no host, and use up no attempts", async () => {
  const names = new NameServer();
  await using hub = await openTestHub({ resolve: names.resolve });
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber({
    verify: (request) => ({
      headers: { connection: "close" },
      body: new URL(request.target, "http://x").searchParams.get("hub.challenge") ?? "",
    }),
  });
  names.isDown = false;
  await subscribeAll(hub, publisher.topic("/feed"), callbacksAt(subscriber, 30).map(byName));
  names.isDown = true;
  const before = names.asked;
  publisher.serve("/feed", { body: "one" });
  await hub.publish(publisher.topic("/feed"));
  for (let minutes = 1; minutes <= 10; minutes++) {
    expect(names.asked - before).toBe(minutes * 30);
    await hub.pass(60_000);
  }
  expect(await hub.store.hosts.listShut()).toEqual([]);
  names.isDown = false;
  await hub.pass(60_000);
  expect(subscriber.deliveries).toHaveLength(30);
  expect(new Set(subscriber.deliveries.map(({ headers }) => headers["carillon-attempt"]))).toEqual(new Set(["1"]));
});
