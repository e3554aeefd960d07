import { setImmediate } from "node:timers/promises";

import { expect, test } from "vitest";

import { Departures, type Lane } from "../src/distribute/departures.ts";
import { HostNews } from "../src/distribute/host-news.ts";
import { Hosts } from "../src/distribute/hosts.ts";
import type { HostSign } from "../src/distribute/host-sign.ts";
import { TestClock } from "./support/test-clock.ts";

/** Sends at origins that take `perOrigin` at a time and answer when they are told to. */
class Station {
  readonly #departures: Departures;
  readonly #open: { readonly origin: string; readonly answer: (sign: HostSign) => void }[] = [];
  /** What has started, in order: `a first`. */
  readonly log: string[] = [];

  constructor(perOrigin: number) {
    const none = { shut: [], troubled: [] };
    const hosts = new Hosts(new TestClock(new Date(0)), perOrigin, none, new HostNews(() => undefined));
    this.#departures = new Departures({ lanes: { first: 100, retry: 50 }, perOrigin }, hosts, () => undefined);
  }

  submit(origin: string, lane: Lane): void {
    const start = () => {
      this.log.push(`${origin} ${lane}`);
      return new Promise<HostSign>((answer) => this.#open.push({ origin, answer }));
    };
    this.#departures.submit({ origin, lane, topicId: 1, start, turnAway: () => undefined });
  }

  /** Answers the oldest send at an origin, and lets the next one start. */
  async answer(origin: string): Promise<void> {
    await this.settle();
    const index = this.#open.findIndex((one) => one.origin === origin);
    const [answered] = this.#open.splice(index, 1);
    answered?.answer("welcome");
    await this.settle();
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await setImmediate();
  }
}

test.each([
  { what: "one origin", origins: ["a"] },
  { what: "two origins that answer by turns", origins: ["a", "b"] },
  { what: "three origins that answer by turns", origins: ["a", "b", "c"] },
])(
  "§7 an origin that takes one delivery at a time gets first attempts and retries by turns: $what",
  async ({ origins }) => {
    const station = new Station(1);
    for (const origin of origins) for (let i = 0; i < 10; i++) station.submit(origin, "retry");
    for (const origin of origins) for (let i = 0; i < 10; i++) station.submit(origin, "first");
    for (let i = 0; i < 20; i++) for (const origin of origins) await station.answer(origin);
    for (const origin of origins) {
      const started = station.log.filter((one) => one.startsWith(origin)).map((one) => one.slice(2));
      expect(started).toHaveLength(20);
      for (let i = 0; i < 20; i += 2) expect(new Set(started.slice(i, i + 2)).size).toBe(2);
    }
  },
);

test("§7 the last place at an origin is for whoever waits, if only one lane does", async () => {
  const station = new Station(1);
  for (const lane of ["first", "first", "retry", "retry", "retry"] as const) station.submit("a", lane);
  for (let i = 0; i < 4; i++) await station.answer("a");
  expect(station.log.toSorted()).toEqual(["a first", "a first", "a retry", "a retry", "a retry"]);
});

test("§7 a topic whose first attempts are announced is as crowded as if they waited, until they come", () => {
  const none = { shut: [], troubled: [] };
  const hosts = new Hosts(new TestClock(new Date(0)), 4, none, new HostNews(() => undefined));
  const departures = new Departures({ lanes: { first: 100, retry: 50 }, perOrigin: 4 }, hosts, () => undefined);
  const arrive = departures.announce(1, 60);
  departures.announce(2, 60);
  expect(departures.crowded).toEqual([]);
  departures.announce(2, 60);
  expect(departures.crowded).toEqual([2]);
  expect(departures.isSaturated).toBe(true);
  arrive();
  arrive();
  departures.announce(1, 99);
  expect(departures.crowded).toEqual([2]);
});
