import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { type HubProcess, startHubProcess } from "./support/hub-process.ts";
import type { Answer } from "./support/peer.ts";
import { openPublisher } from "./support/publisher.ts";
import { echo, openSubscriber, parameters, type Subscriber } from "./support/subscriber.ts";
import { until } from "./support/until.ts";

// Real processes on one database file, killed at the moment that hurts. Nothing is sent to the hub after its restart.

test("promise A: a subscribe request answered 202 is verified although the hub is killed before the callback answers", async () => {
  await using machine = await openMachine();
  let answers = false;
  await using subscriber = await openSubscriber({ verify: (request) => (answers ? echo(request) : "hang") });
  await using publisher = await openPublisher();
  publisher.serve("/feed", { body: "content" });
  const hub = await machine.start();

  await subscribe(hub, publisher.topic("/feed"), subscriber.callback());
  await subscriber.seen(1);
  await machine.kill();
  answers = true;
  const next = await machine.start();
  await subscriber.seen(2);
  await proveActive(next, publisher.topic("/feed"), [subscriber.callback()], subscriber);
  await ping(next, publisher.topic("/feed"), subscriber);

  const [first, second] = subscriber.verifications.map((request) => parameters(request).get("hub.challenge"));
  expect(first).not.toBe(second);
  expect(subscriber.deliveries.map(({ body }) => String(body))).toEqual(["content"]);
});

test("promise B: a ping answered 204 is fetched and delivered although the hub is killed while the fetch is unanswered", async () => {
  await using machine = await openMachine();
  await using subscriber = await openSubscriber();
  await using publisher = await openPublisher();
  let answer: Answer | "hang" = "hang";
  publisher.serve("/feed", () => answer);
  const hub = await machine.start();
  await subscribeVerified(hub, publisher.topic("/feed"), [subscriber.callback()], subscriber);

  await post(hub, { "hub.mode": "publish", "hub.url": publisher.topic("/feed") });
  await publisher.seen(1);
  await machine.kill();
  answer = { body: "content" };
  await machine.start();
  await subscriber.seen(3);

  expect(subscriber.deliveries.map(({ body }) => String(body))).toEqual(["content"]);
});

test("promises B and C: killed in mid fan-out, the hub delivers the rest, and repeats carry the same Webhook-Id", async () => {
  await using machine = await openMachine();
  await using publisher = await openPublisher();
  publisher.serve("/feed", { body: "content" });
  const count = 300;
  const killAt = 100;
  let delivered = 0;
  let reached: () => void = () => undefined;
  const atKill = new Promise<void>((resolve) => {
    reached = resolve;
  });
  await using subscriber = await openSubscriber({
    receive: () => {
      delivered += 1;
      if (delivered === killAt) reached();
      return delivered > killAt && !machine.wasKilled ? "hang" : { status: 204 };
    },
  });
  const hub = await machine.start();
  const callbacks = Array.from({ length: count }, (_, index) => subscriber.callback(`/${index}`));
  await subscribeVerified(hub, publisher.topic("/feed"), callbacks, subscriber);

  await post(hub, { "hub.mode": "publish", "hub.url": publisher.topic("/feed") });
  await atKill;
  await machine.kill();
  await machine.start();
  await machine.idle(subscriber, callbacks);

  const ids = new Map<string, Set<string>>();
  for (const { target, headers } of subscriber.deliveries) {
    ids.set(target, (ids.get(target) ?? new Set()).add(headers["webhook-id"] ?? ""));
  }
  expect(ids.size).toBe(count);
  expect([...ids.values()].every((each) => each.size === 1 && !each.has(""))).toBe(true);
});

test("promise D: an unsubscribe that was verified, and a secret that was replaced, stay so after a kill", async () => {
  await using machine = await openMachine();
  await using publisher = await openPublisher();
  let confirms = true;
  await using leaving = await openSubscriber({ verify: (request) => (confirms ? echo(request) : { status: 404 }) });
  await using staying = await openSubscriber();
  publisher.serve("/feed", { body: "content" });
  const topic = publisher.topic("/feed");
  const hub = await machine.start();
  await subscribeVerified(hub, topic, [leaving.callback()], leaving);
  await subscribe(hub, topic, staying.callback(), { "hub.secret": "old" });
  await subscribe(hub, topic, staying.callback(), { "hub.secret": "new", "hub.signature_method": "sha512" });
  const leave = { "hub.mode": "unsubscribe", "hub.topic": topic, "hub.callback": leaving.callback() };
  await post(hub, leave);
  await Promise.all([staying.seen(2), leaving.seen(3)]);
  const secret = { "hub.secret": "new", "hub.signature_method": "sha512" };
  await proveActive(hub, topic, [staying.callback()], staying, secret);
  confirms = false;
  await proveActive(hub, topic, [leaving.callback()], leaving);

  await machine.kill();
  const next = await machine.start();
  await ping(next, topic, staying);

  expect(leaving.deliveries).toEqual([]);
  expect(staying.deliveries.find(({ target }) => target === "/callback")?.headers["x-hub-signature"]).toMatch(
    /^sha512=/,
  );
});

test("promise E: SIGTERM in mid fan-out ends the hub with 0, and its successor delivers the rest", async () => {
  await using machine = await openMachine();
  await using publisher = await openPublisher();
  publisher.serve("/feed", { body: "content" });
  let isStopping = false;
  const held: (() => void)[] = [];
  await using subscriber = await openSubscriber({
    receive: async () => {
      if (!isStopping) await new Promise<void>((resolve) => held.push(resolve));
      return { status: 204 };
    },
  });
  const hub = await machine.start();
  const callbacks = Array.from({ length: 40 }, (_, index) => subscriber.callback(`/${index}`));
  await subscribeVerified(hub, publisher.topic("/feed"), callbacks, subscriber);

  await post(hub, { "hub.mode": "publish", "hub.url": publisher.topic("/feed") });
  await subscriber.seen(2 * callbacks.length + 4); // as many as a host gets at first
  const ended = hub.end("SIGTERM");
  await until(() => refusesRequests(hub));
  isStopping = true;
  for (const release of held) release();
  expect(await ended).toBe(0);
  const before = subscriber.deliveries.length;
  await machine.start();
  await machine.idle(subscriber, callbacks);

  expect(before).toBeLessThan(callbacks.length);
  expect(subscriber.deliveries.map(({ target }) => target).toSorted()).toEqual(
    callbacks.map((callback) => new URL(callback).pathname).toSorted(),
  );
});

/** It has heard that it is to end: it closes its door first. */
function refusesRequests({ url }: HubProcess): Promise<boolean> {
  return fetch(new URL("/livez", url)).then(
    () => false,
    () => true,
  );
}

type Machine = AsyncDisposable & {
  readonly wasKilled: boolean;
  start(settings?: Readonly<Record<string, string>>): Promise<HubProcess>;
  kill(): Promise<void>;
  /** Resolves once each of the callbacks has been delivered to. */
  idle(subscriber: Subscriber, callbacks: readonly string[]): Promise<void>;
};

async function openMachine(): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), "carillon-crash-"));
  let hub: HubProcess | undefined;
  let wasKilled = false;
  return {
    get wasKilled() {
      return wasKilled;
    },
    async start(settings = {}) {
      hub = await startHubProcess({
        DATABASE_URL: `file:${join(folder, "carillon.db")}`,
        LOG_LEVEL: "error",
        ...settings,
      });
      return hub;
    },
    async kill() {
      wasKilled = true;
      await hub?.end("SIGKILL");
    },
    async idle(subscriber, callbacks) {
      const wanted = new Set(callbacks.map((callback) => new URL(callback).pathname));
      for (let count = subscriber.verifications.length + wanted.size; ; count += 1) {
        await subscriber.seen(count);
        if (wanted.isSubsetOf(new Set(subscriber.deliveries.map(({ target }) => target)))) return;
      }
    },
    async [Symbol.asyncDispose]() {
      await hub?.end("SIGKILL");
      await rm(folder, { recursive: true });
    },
  };
}

async function post(hub: HubProcess, form: Readonly<Record<string, string>>): Promise<void> {
  const response = await fetch(hub.url, { method: "POST", body: new URLSearchParams(form) });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
}

function subscribe(hub: HubProcess, topic: string, callback: string, more: Readonly<Record<string, string>> = {}) {
  return post(hub, { "hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback, ...more });
}

async function subscribeVerified(hub: HubProcess, topic: string, callbacks: readonly string[], subscriber: Subscriber) {
  await Promise.all(callbacks.map((callback) => subscribe(hub, topic, callback)));
  await subscriber.seen(callbacks.length);
  await proveActive(hub, topic, callbacks, subscriber);
}

/** Requests for one pair are verified one by one, so a further one being asked proves that the one before took effect. */
async function proveActive(
  hub: HubProcess,
  topic: string,
  callbacks: readonly string[],
  subscriber: Subscriber,
  more: Readonly<Record<string, string>> = {},
) {
  const before = subscriber.verifications.length;
  const renewal = { "hub.lease_seconds": "500000", ...more };
  await Promise.all(callbacks.map((callback) => subscribe(hub, topic, callback, renewal)));
  await subscriber.seen(before + callbacks.length);
}

async function ping(hub: HubProcess, topic: string, subscriber: Subscriber): Promise<void> {
  const before = subscriber.deliveries.length + subscriber.verifications.length;
  await post(hub, { "hub.mode": "publish", "hub.url": topic });
  await subscriber.seen(before + 1);
}
