import { expect, test } from "vitest";

import { announce, callbacksAt, storeTurns, subscribeAll, ticking, turns } from "../support/crowd.ts";
import { type HoldingSubscriber, openHoldingSubscriber } from "../support/holding-subscriber.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSubscriber, type Subscriber } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";
import { until } from "../support/until.ts";

const softDeadlineMs = 2000;
const unstartedMs = 2500;
const pollMs = 500;

type Parts = Awaited<ReturnType<typeof openParts>>;

/** A hub whose workers run by themselves, a publisher, and a subscriber that holds deliveries open. */
async function openParts(settings: Readonly<Record<string, string>> = {}) {
  const stack = new AsyncDisposableStack();
  const hub = stack.use(await openTestHub({ running: true, settings })); // disposed last: it need not wait for peers that hang
  const publisher = stack.use(await openPublisher());
  const peer = stack.use(await openHoldingSubscriber());
  const start = hub.clock.now().getTime();
  return {
    hub,
    publisher,
    peer,
    subscribe: (path: string, callbacks: readonly string[]) => subscribeAll(hub, publisher.topic(path), callbacks),
    announce: (path: string, body: string) => announce(hub, publisher, path, body),
    elapsedMs: () => hub.clock.now().getTime() - start,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Resolves when so many deliveries are open there, and no more come. */
async function steady(peer: HoldingSubscriber, open: number): Promise<void> {
  await until(() => peer.open.length >= open);
  await turns();
  expect(peer.open).toHaveLength(open);
}

/** Answers one by one until so many are open. */
async function climb(peer: HoldingSubscriber, open: number): Promise<void> {
  for (let reached = 4; reached < open; reached++) {
    await until(() => peer.open.length >= reached);
    peer.answer(1, 204);
  }
  await steady(peer, open);
}

/** Fails what is open and waits there until all of it is on record, then lets its retries fall due until so many are open. */
async function failAndRetry({ hub, peer }: Parts, count: number, open: number): Promise<void> {
  for (let answered = 0; answered < count; answered++) {
    await until(() => peer.open.length > 0);
    peer.answer(1, 404);
  }
  await until(async () => (await hub.store.fanOuts.progress({ topicId: 1, seq: 1 }))?.done === true);
  hub.clock.advance(5000);
  await until(async () => {
    await turns();
    hub.clock.advance(pollMs); // whoever was just looking for work looks again at the next poll
    return peer.open.length > 0;
  });
  await steady(peer, open);
}

function attemptsOf(requests: Subscriber["deliveries"]): readonly (string | undefined)[] {
  return requests.map(({ headers }) => headers["carillon-attempt"]);
}

test("§7 an origin gets 4 deliveries at a time at first, one more with each that it answers, and CARILLON_HOST_CONCURRENCY at most", async () => {
  await using parts = await openParts({ HOST_CONCURRENCY: "16" });
  const { peer } = parts;
  await parts.subscribe("/feed", callbacksAt(peer, 60));
  await parts.announce("/feed", "one");
  for (let open = 4; open <= 16; open++) {
    await steady(peer, open);
    peer.answer(1, 204);
  }
  for (let answered = 13; answered < 44; answered++) {
    await steady(peer, 16);
    peer.answer(1, 204);
  }
  peer.release(204);
  await until(() => peer.deliveries.length === 60);
  expect(peer.most).toBe(16);
  expect(parts.elapsedMs()).toBe(0);
});

test.each([429, 500, 503])("§7 a %i halves what its origin gets at a time, once a second at most", async (status) => {
  await using parts = await openParts({ HOST_CONCURRENCY: "16" });
  const { hub, peer } = parts;
  await parts.subscribe("/feed", callbacksAt(peer, 100));
  await parts.announce("/feed", "one");
  await climb(peer, 16);
  peer.answer(8, status);
  await steady(peer, 8);
  peer.answer(1, status);
  await steady(peer, 8);
  hub.clock.advance(999);
  peer.answer(1, status);
  await steady(peer, 8);
  hub.clock.advance(1);
  peer.answer(4, status);
  await steady(peer, 4);
  peer.answer(1, status);
  await steady(peer, 4);
  expect(peer.most).toBe(16);
});

test("§7 an origin that answers nothing but 503 still gets 4 deliveries at a time", async () => {
  await using parts = await openParts();
  const { hub, peer } = parts;
  await parts.subscribe("/feed", callbacksAt(peer, 20));
  await parts.announce("/feed", "one");
  for (let answered = 0; answered < 16; answered++) {
    await steady(peer, 4);
    if (answered === 8) hub.clock.advance(1000);
    peer.answer(1, 503);
  }
  await steady(peer, 4);
  expect(peer.most).toBe(4);
});

test("§7 origins that hang hold up nobody's first attempt at others, of the same topic or another", async () => {
  await using parts = await openParts({ MAX_IN_FLIGHT: "16" });
  await using hanging = await openHoldingSubscriber();
  await using more = await openHoldingSubscriber();
  await using healthy = await openSubscriber();
  const hung = [parts.peer, hanging, more].flatMap((peer) => callbacksAt(peer, 40));
  await parts.subscribe("/feed", [...hung, ...callbacksAt(healthy, 100)]);
  await parts.subscribe("/other", callbacksAt(healthy, 20, "other"));
  await parts.announce("/feed", "one");
  await until(() => healthy.deliveries.length === 100);
  await parts.announce("/other", "two");
  await until(() => healthy.deliveries.length === 120);
  expect(parts.elapsedMs()).toBe(0);
  for (const peer of [parts.peer, hanging, more]) await steady(peer, 4);
});

test("§7 attempts past the soft deadline make room for first attempts at the same origin", async () => {
  await using parts = await openParts();
  const { hub, peer } = parts;
  await parts.subscribe("/feed", callbacksAt(peer, 4, "slow"));
  await parts.subscribe("/other", callbacksAt(peer, 5, "other"));
  await parts.announce("/feed", "one");
  await steady(peer, 4);
  hub.clock.advance(1000);
  await parts.announce("/other", "two");
  await steady(peer, 4);
  hub.clock.advance(softDeadlineMs - 1000);
  await steady(peer, 8);
  peer.answer(8, 204);
  await steady(peer, 1);
  peer.answer(1, 204);
  await hub.drain();
  expect(peer.deliveries.map(({ target }) => target).toSorted()).toEqual(
    [...callbacksAt(peer, 4, "slow"), ...callbacksAt(peer, 5, "other")].map((url) => new URL(url).pathname).toSorted(),
  );
  expect(new Set(attemptsOf(peer.deliveries))).toEqual(new Set(["1"]));
});

test("§7 first attempts and retries together are never more than CARILLON_HOST_CONCURRENCY at one origin", async () => {
  await using parts = await openParts({ HOST_CONCURRENCY: "8" });
  const { peer } = parts;
  await parts.subscribe("/feed", callbacksAt(peer, 40));
  await parts.subscribe("/other", callbacksAt(peer, 40, "other"));
  await parts.announce("/feed", "one");
  await failAndRetry(parts, 40, 4); // half of the places
  await parts.announce("/other", "two");
  let both = 0;
  for (let answered = 0; answered < 40; answered++) {
    await storeTurns(parts.hub);
    await steady(peer, 8);
    if (new Set(attemptsOf(peer.open)).size === 2) both += 1;
    peer.answer(1, 204);
  }
  expect(both).toBeGreaterThanOrEqual(20); // a retry is claimed when another has ended: on some stores first attempts take its place till then
  peer.release(204);
  await ticking(parts.hub, () => peer.deliveries.length === 120);
  expect(peer.most).toBe(8);
});

test("§7 with one delivery at a time to each origin, first attempts and retries both get on", async () => {
  await using parts = await openParts({ HOST_CONCURRENCY: "1" });
  const { peer } = parts;
  await parts.subscribe("/feed", callbacksAt(peer, 6));
  await parts.subscribe("/other", callbacksAt(peer, 6, "other"));
  await parts.announce("/feed", "one");
  await failAndRetry(parts, 6, 1);
  await parts.announce("/other", "two");
  for (let answered = 0; answered < 12; answered++) {
    await storeTurns(parts.hub);
    await steady(peer, 1);
    peer.answer(1, 204);
  }
  expect(peer.most).toBe(1);
  const lanes = attemptsOf(peer.deliveries.slice(6));
  expect(lanes.filter((attempt) => attempt === "1")).toHaveLength(6);
  for (let i = 0; i < 12; i += 6) expect(new Set(lanes.slice(i, i + 6)).size).toBe(2);
});

test("§7 who could not be sent to within 2.5 s is behind without an attempt: it gets its first one when there is room", async () => {
  await using parts = await openParts();
  const { hub, peer } = parts;
  await parts.subscribe("/feed", callbacksAt(peer, 10));
  await parts.announce("/feed", "one");
  await steady(peer, 4);
  hub.clock.advance(softDeadlineMs); // the four step aside for four others
  await steady(peer, 8);
  const progress = () => hub.store.fanOuts.progress({ topicId: 1, seq: 1 });
  await until(async () => (await progress())?.behind === 4);
  hub.clock.advance(unstartedMs - softDeadlineMs - 1);
  await turns();
  expect(await progress()).toMatchObject({ behind: 4, done: false });
  hub.clock.advance(1);
  await ticking(hub, async () => (await progress())?.behind === 6);
  await ticking(hub, async () => (await progress())?.done === true);
  expect(await progress()).toMatchObject({ behind: 10, delivered: 0 });
  expect(peer.deliveries).toHaveLength(8);
  peer.release(204);
  await ticking(hub, () => peer.deliveries.length === 10);
  await hub.drain();
  expect(attemptsOf(peer.deliveries)).toEqual(Array.from({ length: 10 }, () => "1"));
  expect(new Set(peer.deliveries.map(({ target }) => target)).size).toBe(10);
});
