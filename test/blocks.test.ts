import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { openSqliteStore } from "../src/store/sqlite/sqlite-store.ts";
import { migrationsOf } from "../src/open-store.ts";
import { runCommand } from "./support/command.ts";
import { subscribeAll } from "./support/crowd.ts";
import { openPublisher, type Publisher } from "./support/publisher.ts";
import { openSubscriber, parameters, type Subscriber } from "./support/subscriber.ts";
import { toSubscribe } from "./support/requests.ts";
import { openTestDatabase } from "./support/test-database.ts";
import { openTestHub, type TestHub, type TestHubOptions } from "./support/test-hub.ts";

const minuteMs = 60_000;
const soonMs = 5000;
const reason = "its owner did not ask for this";

describe.each(["file", "postgres"] as const)("carillon block, beside a hub on %s", (kind) => {
  test.each([
    ["callback", ({ subscriber }: Scene) => subscriber.callback("/bad")],
    ["callback-host", ({ subscriber }: Scene) => new URL(subscriber.callback()).hostname],
    ["topic", ({ topic }: Scene) => topic],
    ["publisher", ({ topic }: Scene) => new URL(topic).hostname],
    ["client", () => "127.0.0.0/8"],
  ] as const)("%s: ends what it matches with a notice, and refuses it until it is undone", async (what, valueOf) => {
    await using scene = await openScene(kind);
    const { hub, publisher, subscriber, topic } = scene;
    await hub.subscribe(topic, subscriber.callback("/bad"));
    await hub.post({
      "hub.mode": "subscribe",
      "hub.topic": topic,
      "hub.callback": subscriber.callback("/bad?pending"),
    });
    const value = valueOf(scene);
    expect(await scene.carillon("block", what, value, "--reason", reason)).toMatchObject({ code: 0 });
    await hub.pass(soonMs);

    const notices = subscriber.verifications.map(parameters).filter((query) => query.get("hub.mode") === "denied");
    expect(notices.map((query) => [query.get("hub.topic"), query.get("hub.reason")])).toContainEqual([topic, reason]);
    expect(await hub.store.subscriptions.find(topic, subscriber.callback("/bad"))).toBe(undefined);
    publisher.serve("/feed", { body: "two" });
    await hub.post({ "hub.mode": "publish", "hub.url": topic });
    await hub.drain();
    expect(subscriber.deliveries.filter(({ target }) => target === "/bad")).toEqual([]);
    const refused = await ask(scene);
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining(reason)]);
    expect((await ask(scene, "unsubscribe")).status).toBe(202);
    await hub.restart();
    expect((await ask(scene)).status).toBe(403);

    expect((await scene.carillon("blocks")).out).toEqual([
      expect.stringMatching(new RegExp(`Z  ${what} .*  ${reason}$`)),
    ]);
    expect(await scene.carillon("unblock", what, value)).toMatchObject({ code: 0 });
    expect((await scene.carillon("blocks")).out).toEqual(["nothing is blocked"]);
    await hub.pass(soonMs);
    expect((await ask(scene)).status).toBe(202);
    await hub.drain();
    publisher.serve("/feed", { body: "three" });
    await hub.publish(topic);
    expect(subscriber.deliveries.filter(({ target }) => target === "/bad")).toHaveLength(1);
  });

  test("all others stay, also where there are more than one look takes in", async () => {
    await using scene = await openScene(kind);
    const { hub, subscriber, topic, publisher } = scene;
    const callbacks = Array.from({ length: 510 }, (_, i) => subscriber.callback(`/${i}`));
    await subscribeAll(hub, topic, callbacks);
    for (const path of ["/0", "/250", "/509"])
      await scene.carillon("block", "callback", subscriber.callback(path), "--reason", reason);
    await hub.pass(soonMs);
    publisher.serve("/feed", { body: "two" });
    await hub.publish(topic);
    expect(subscriber.deliveries).toHaveLength(507);
    expect((await hub.store.figures()).subscriptions).toBe(507);
  });

  test("however many have ended, others are served as ever, and each is told in time", async () => {
    const limits = { VERIFICATIONS_PER_MINUTE: "2", PENDING_PER_CLIENT: "3", PENDING_PER_HOST: "3" };
    await using scene = await openScene(kind, { mostPending: 3 });
    const { hub, subscriber, topic, publisher } = scene;
    const paths = ["/1", "/2", "/3", "/4", "/5"];
    for (const path of paths) await hub.subscribe(topic, subscriber.callback(path));
    await hub.restart(limits);
    await scene.carillon("block", "topic", topic, "--reason", reason);
    await hub.pass(soonMs);
    const other = publisher.topic("/other");
    expect((await hub.post(toSubscribe(other, subscriber.callback("/good")))).status).toBe(202);
    await hub.pass(minuteMs);
    expect(await hub.store.subscriptions.find(other, subscriber.callback("/good"))).toBeDefined();
    for (const _ of paths) await hub.pass(minuteMs);
    const told = subscriber.verifications.filter((one) => parameters(one).get("hub.mode") === "denied");
    expect(new Set(told.map(({ target }) => target.split("?")[0]))).toEqual(new Set(paths));
  });
});

test.each([
  { kind: "file", clock: "the hub's", aheadMs: 0 },
  { kind: "postgres", clock: "the hub's", aheadMs: 0 },
  { kind: "file", clock: "an hour behind the hub's", aheadMs: 3_600_000 },
  { kind: "file", clock: "an hour ahead of the hub's", aheadMs: -3_600_000 },
] as const)(
  "what was being verified while it was blocked ends a minute later ($kind, by a clock $clock)",
  async ({ kind, aheadMs }) => {
    await using scene = await openScene(kind, { now: new Date(Date.now() + aheadMs) });
    const { hub, subscriber, topic } = scene;
    await scene.carillon("block", "callback", subscriber.callback("/bad"), "--reason", reason);
    await hub.pass(soonMs);
    // As another node does that has not heard of it.
    const { intents } = hub.store;
    await intents.addIntent(intentOf(topic, subscriber.callback("/bad")), hub.clock.now());
    const [claim] = await intents.claimIntents(1, 1, hub.clock.now());
    if (claim === undefined) throw new Error("it was added");
    await intents.settleIntent(claim, { next: "apply", verifiedAt: hub.clock.now() }, hub.clock.now());
    expect(await hub.store.subscriptions.find(topic, subscriber.callback("/bad"))).not.toBe(undefined);
    await hub.pass(minuteMs);
    expect(await hub.store.subscriptions.find(topic, subscriber.callback("/bad"))).toBe(undefined);
    expect((await hub.store.blocks.list()).map(({ isSwept }) => isSwept)).toEqual([true]);
  },
);

test("nothing is delivered to who is blocked before the subscription has ended", async () => {
  await using scene = await openScene("file");
  const { hub, subscriber, topic, publisher } = scene;
  await hub.subscribe(topic, subscriber.callback("/bad"));
  await scene.carillon("block", "callback", subscriber.callback("/bad"), "--reason", reason);
  publisher.serve("/feed", { body: "two" });
  await hub.post({ "hub.mode": "publish", "hub.url": topic });
  await hub.pass(soonMs);
  expect((await hub.store.figures()).behind).toBe(0);
});

test("a topic that is blocked is not fetched by way of a redirect either", async () => {
  await using scene = await openScene("file");
  const { hub, subscriber, topic, publisher } = scene;
  await hub.subscribe(topic, subscriber.callback());
  await scene.carillon("block", "topic", publisher.topic("/bad"), "--reason", reason);
  await hub.pass(soonMs);
  publisher.serve("/feed", { status: 302, headers: { Location: "/%62ad" } });
  publisher.serve("/bad", { body: "two" });
  await hub.publish(topic);
  expect((await hub.store.topics.find(topic))?.fetchError).toContain("that is not a topic this hub serves");
  expect(publisher.fetches.map(({ target }) => target)).toEqual(["/feed"]);
});

test.each([
  [["block"], "needs a kind"],
  [
    ["block", "host", "a.example", "--reason", "x"],
    '"host" is not one of callback-host, callback, client, topic, publisher',
  ],
  [["block", "callback", "a.example", "--reason", "x"], 'callback is "a.example": it must be an absolute http(s) URL'],
  [["block", "callback", "https://a.example/cb"], "--reason is missing"],
  [["block", "callback", "https://a.example/cb", "more", "--reason", "x"], '"more" is not expected'],
  [["block", "client", "1.2.3.4", "--reason", "x", "--colour", "red"], "--colour is not a setting"],
])("%j is refused in words", async (words, said) => {
  const { code, complaint } = await carillon(words, "file:nowhere/c.db");
  expect([code, complaint]).toEqual([2, expect.stringContaining(said)]);
});

test("what is not blocked cannot be unblocked, and a database that is not there is none", async () => {
  const folder = await mkdtemp(join(tmpdir(), "carillon-test-"));
  const url = `file:${join(folder, "c.db")}`;
  const missing = await carillon(["blocks"], url);
  expect(missing.code).toBe(1);
  expect(missing.complaint).toContain("does not exist");
  await openSqliteStore(join(folder, "c.db"), migrationsOf("sqlite"))[Symbol.asyncDispose]();
  const undone = await carillon(["unblock", "client", "192.0.2.1"], url);
  expect(undone.code).toBe(1);
  expect(undone.complaint).toContain("192.0.2.1/32 is not blocked");
});

type Scene = AsyncDisposable & {
  readonly hub: TestHub;
  readonly publisher: Publisher;
  readonly subscriber: Subscriber;
  readonly topic: string;
  carillon(...words: readonly string[]): ReturnType<typeof carillon>;
};

async function openScene(kind: "file" | "postgres", more: TestHubOptions = {}): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  const database = kind === "postgres" ? stack.use(await openTestDatabase()) : undefined;
  const hub = stack.use(await openTestHub({ now: new Date(), ...more, ...(database && { database }) }));
  const publisher = stack.use(await openPublisher());
  const subscriber = stack.use(await openSubscriber());
  publisher.serve("/feed", { body: "one" });
  const opened = stack.move();
  return {
    hub,
    publisher,
    subscriber,
    topic: publisher.topic("/feed"),
    carillon: (...words) => carillon(words, database?.url ?? `file:${hub.file}`),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** The command line. */
async function carillon(words: readonly string[], url: string) {
  const { lines: out, ...ended } = await runCommand(words, { DATABASE_URL: url });
  return { ...ended, out };
}

function ask({ hub, topic, subscriber }: Scene, mode = "subscribe"): Promise<Response> {
  return hub.post({ "hub.mode": mode, "hub.topic": topic, "hub.callback": subscriber.callback("/bad") });
}

function intentOf(topic: string, callback: string) {
  const rest = { secret: undefined, leaseSeconds: 864_000, verifyToken: undefined, signatureMethod: undefined };
  return { mode: "subscribe", topic, topicAsAsked: topic, callback, client: "", ...rest } as const;
}
