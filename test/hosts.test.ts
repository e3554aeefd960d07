import { expect, test } from "vitest";

import { HostNews } from "../src/distribute/host-news.ts";
import type { HostSign } from "../src/distribute/host-sign.ts";
import { Hosts } from "../src/distribute/hosts.ts";
import type { ShutHost } from "../src/model/host.ts";
import { TestClock } from "./support/test-clock.ts";

const a = "https://a.example";
const b = "https://b.example";

/** What a process knows at its start, which is when these were shut. */
function openHosts(shut: readonly Omit<ShutHost, "until">[] = []) {
  const clock = new TestClock(new Date("2026-01-01T00:00:00Z"));
  const news = new HostNews(() => undefined);
  const known = { shut: shut.map((one) => ({ ...one, until: clock.now() })), troubled: [] };
  return { clock, news, hosts: new Hosts(clock, 64, known, news) };
}

function observe(hosts: Hosts, origin: string, sign: HostSign, times: number): void {
  for (let i = 0; i < times; i++) hosts.observe(origin, sign, true);
}

test("§7 a shut host's probe stays due until it is made, whatever hinders that", () => {
  const { clock, hosts } = openHosts();
  observe(hosts, a, "unreachable", 10);
  clock.advance(29_999);
  expect(hosts.probesDue(10)).toEqual([]);
  clock.advance(1);
  expect(hosts.probesDue(10)).toEqual([a]);
  expect(hosts.probesDue(10)).toEqual([a]); // the store did not say whom to probe with
  hosts.beginProbe(a);
  expect(hosts.probesDue(10)).toEqual([]);
  clock.advance(600_000);
  expect(hosts.probesDue(10)).toEqual([]); // one at a time
  hosts.settleProbe(a, "unreachable");
  clock.advance(60_000);
  expect(hosts.probesDue(10)).toEqual([a]);
});

test("§7 a probe that has shown nothing is made again after as long, and shuts no host that another node has found alive meanwhile", () => {
  const { clock, news, hosts } = openHosts([{ origin: a, trips: 1 }]);
  hosts.beginProbe(a);
  clock.standStill(60_000);
  hosts.settleProbe(a, "none");
  expect([...news.unsaved]).toEqual([]);
  expect(hosts.isShut(a)).toBe(true);
  clock.advance(30_000);
  expect(hosts.probesDue(10)).toEqual([a]);
  hosts.learn([], news.unsaved);
  expect(hosts.isShut(a)).toBe(false);
});

test("§7 probes for which there is no room are made later", () => {
  const { hosts } = openHosts([
    { origin: a, trips: 1 },
    { origin: b, trips: 1 },
  ]);
  const [first = ""] = hosts.probesDue(1);
  hosts.beginProbe(first);
  expect([first, ...hosts.probesDue(1)].toSorted()).toEqual([a, b]);
});

test("§7 what is still under way when a host is shut changes nothing about that, whatever it shows", () => {
  const { clock, news, hosts } = openHosts();
  observe(hosts, a, "unreachable", 10);
  const shut = hosts.shutHost(a);
  clock.advance(1000);
  for (const sign of ["unreachable", "timeout", "answer", "welcome"] as const) observe(hosts, a, sign, 20);
  expect(hosts.shutHost(a)).toEqual(shut);
  expect(news.recovered.size).toBe(0);
});

test("§7 a pace is forgotten when it was not used for 10 s", () => {
  const { clock, hosts } = openHosts();
  observe(hosts, a, "welcome", 10);
  clock.advance(9999);
  expect([hosts.pace(a), hosts.fast()]).toEqual([14, [a]]);
  clock.advance(1);
  expect([hosts.pace(a), hosts.fast()]).toEqual([4, []]);
  observe(hosts, a, "welcome", 1);
  expect(hosts.pace(a)).toBe(5);
});

test("§7 the attempts of one origin say nothing of another: scheme and port count", () => {
  const { hosts } = openHosts();
  for (const origin of [a, "http://a.example", "https://a.example:8443"]) observe(hosts, origin, "unreachable", 9);
  expect([a, "http://a.example"].some((origin) => hosts.isShut(origin))).toBe(false);
  observe(hosts, a, "unreachable", 1);
  expect([a, "http://a.example"].map((origin) => hosts.isShut(origin))).toEqual([true, false]);
});

test("§7 a host that another node has shut is shut here too, probed later than there, and open when it is there", () => {
  const { clock, news, hosts } = openHosts();
  const until = new Date(clock.now().getTime() + 30_000);
  hosts.learn([{ origin: a, trips: 1, until }], new Set());
  expect([hosts.isShut(a), news.unsaved.size]).toEqual([true, 0]);
  clock.advance(30_000);
  expect(hosts.probesDue(10)).toEqual([]);
  const later = new Date(clock.now().getTime() + 60_000);
  hosts.learn([{ origin: a, trips: 2, until: later }], new Set());
  clock.advance(60_000);
  expect(hosts.probesDue(10)).toEqual([]);
  hosts.learn([{ origin: a, trips: 2, until: later }], new Set());
  clock.advance(20_000); // the other node is gone
  expect(hosts.probesDue(10)).toEqual([a]);
  hosts.learn([], new Set());
  expect(hosts.isShut(a)).toBe(false);
});

test("§7 what others tell changes nothing about a host that is probed, or whose news are not written yet", () => {
  const { hosts, news } = openHosts([{ origin: a, trips: 1 }]);
  hosts.probesDue(10);
  hosts.beginProbe(a);
  observe(hosts, b, "unreachable", 10);
  hosts.learn([], news.unsaved);
  expect([hosts.isShut(a), hosts.isShut(b)]).toEqual([true, true]);
  hosts.settleProbe(a, "welcome");
  hosts.learn([{ origin: a, trips: 1, until: new Date("2027-01-01T00:00:00Z") }], news.unsaved);
  expect(hosts.isShut(a)).toBe(false);
});
