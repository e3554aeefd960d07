import { expect, test } from "vitest";

import { failureOf } from "../../src/outbound/failure.ts";
import { overLimit, postWallClockMs } from "../../src/outbound/outbound.ts";
import { createResolver } from "../../src/outbound/resolver.ts";
import { openDnsServer } from "../support/dns-server.ts";
import { TestClock } from "../support/test-clock.ts";
import { until } from "../support/until.ts";
import { get, openOutbound, openPoliteHost, openPoster, openRawPeer, openSlowHost, post } from "./peers.ts";

// A process that was stopped goes on where it stood, but the time of what it was about is over.

const start = new Date("2026-01-01T00:00:00Z");
const ownFault = { kind: "failed", reason: "exhausted", detail: "the hub itself stood still for 45 s" };

test("a connection that is there only when the wall clock is over carries no POST", async () => {
  const clock = new TestClock(start);
  const resolving = Promise.withResolvers<readonly string[]>();
  await using peer = await openPoliteHost();
  await using poster = openPoster({ clock, resolve: () => resolving.promise });

  const posted = poster.post(post(`http://slow.example:${peer.port}/`));
  clock.standStill(60_000);
  resolving.resolve(["127.0.0.1"]);

  expect(await posted).toEqual(ownFault);
  await until(() => peer.open() === 0);
  expect([peer.connections(), peer.requests.length]).toEqual([1, 0]);
});

test("a POST that waited for a place until its wall clock was over is not sent", async () => {
  const clock = new TestClock(start);
  await using peer = await openSlowHost();
  await using poster = openPoster({ clock, connectionsPerOrigin: 1 });

  const posted = [poster.post(post(peer.origin)), poster.post(post(peer.origin))];
  await until(() => peer.waiting.length === 1);
  clock.standStill(60_000);
  peer.answer();

  expect(await Promise.all(posted)).toMatchObject([{ status: 200 }, ownFault]);
  expect(peer.waiting).toEqual([]);
});

test("a stale connection found closed after the wall clock is no reason to send again", async () => {
  const clock = new TestClock(start);
  const heads: string[] = [];
  await using peer = await openRawPeer((socket, head) => {
    heads.push(head);
    socket.write("HTTP/1.1 204 No Content\r\n\r\n");
    socket.once("data", () => {
      clock.standStill(60_000);
      socket.resetAndDestroy();
    });
  });
  await using poster = openPoster({ clock });
  await Promise.all([poster.post(post(peer.origin)), poster.post(post(peer.origin))]);

  expect(await poster.post(post(peer.origin))).toEqual(ownFault);
  expect(heads).toHaveLength(2);
});

test.each([
  { what: "an answer", limitMs: postWallClockMs },
  { what: "a connection", limitMs: 5000 },
])("no sign of $what within its time counts against nobody if we notice much later", async ({ what, limitMs }) => {
  const clock = new TestClock(start);
  await using peer = await openSlowHost();
  const isConnecting = what === "a connection";
  const never = () => new Promise<readonly string[]>(() => undefined);
  const options = isConnecting ? { clock, resolve: never } : { clock };
  await using poster = openPoster(options);
  await using outbound = openOutbound(options);
  const url = isConnecting ? `http://slow.example:${peer.port}/` : peer.origin;

  const asked = () => [poster.post(post(url)), outbound.exchange(get(url, { wallClockMs: postWallClockMs }))];
  const first = asked();
  if (!isConnecting) await until(() => peer.waiting.length === 2);
  clock.advance(limitMs - 1);
  clock.standStill(1002);
  clock.advance(0);
  for (const answer of await Promise.all(first)) expect(answer).toMatchObject({ kind: "failed", reason: "exhausted" });

  const second = asked();
  if (!isConnecting) await until(() => peer.waiting.length === 4);
  clock.advance(limitMs);
  for (const answer of await Promise.all(second)) expect(answer).toMatchObject({ kind: "failed", reason: "timeout" });
});

test("a second too late is no more than a busy moment", () => {
  expect(overLimit("not done", 1000)).toEqual({ kind: "failed", reason: "timeout", detail: "not done" });
  expect(overLimit("not done", 45_000)).toEqual(ownFault);
});

test("what has gone by of a wall clock is not begun anew", async () => {
  const clock = new TestClock(start);
  await using peer = await openSlowHost();
  await using poster = openPoster({ clock });

  expect(await poster.post({ ...post(peer.origin), elapsedMs: 15_000 })).toMatchObject({ reason: "timeout" });
  expect(peer.connections()).toBe(0);
  const posted = poster.post({ ...post(peer.origin), elapsedMs: 14_000 });
  await until(() => peer.waiting.length === 1);
  clock.advance(1000);

  expect(await posted).toMatchObject({ reason: "timeout" });
  await until(() => peer.open() === 0);
});

test("a name whose answer nobody was there to read has not failed by its own zone's fault", async () => {
  const clock = new TestClock(start);
  await using dns = await openDnsServer({ "a.example": { fails: "silence" } });
  const resolve = createResolver({ clock, asksSystem: false, hostsFile: "/nowhere", servers: [dns.address] });
  const asked = resolve("a.example").catch(failureOf);

  await until(() => dns.questions.length >= 2);
  clock.standStill(48_000);
  clock.advance(0);

  expect(await asked).toEqual(ownFault);
  expect(dns.questions).not.toContain("NS ");
});
