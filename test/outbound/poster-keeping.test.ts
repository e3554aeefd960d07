import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { TestClock } from "../support/test-clock.ts";
import { turns, until } from "../support/until.ts";
import { meet, openPoliteHost, openPoster, openSlowHost, type Peer, post } from "./peers.ts";
import { testCertificate, testKey, trustTestCertificate } from "./test-certificate.ts";

const start = new Date("2026-01-01T00:00:00Z");
const thanks = { kind: "answered", status: 200, retryAfter: undefined };

/** Connections opened so far, and those open once what was to be closed at once is. */
async function connectionsOf(peer: Peer): Promise<{ readonly opened: number; readonly open: number }> {
  await until(turns(20));
  return { opened: peer.connections(), open: peer.open() };
}

test("the connection to an origin that is met once is closed at once after its answer", async () => {
  const clock = new TestClock(start);
  await using peer = await openPoliteHost();
  await using poster = openPoster({ clock });

  expect(await poster.post(post(peer.origin))).toEqual(thanks);
  await until(() => peer.open() === 0);

  clock.advance(15_000); // the timer of the wall clocks runs out
  expect(clock.waiting).toBe(0);
});

test("a fan-out over origins that are met once leaves room as if it were alone each time", async () => {
  await using stack = new AsyncDisposableStack();
  const poster = stack.use(openPoster({ maxSockets: 4, clock: new TestClock(start) }));
  const headers: (string | undefined)[] = [];

  for (let i = 0; i < 20; i += 1) {
    const peer = stack.use(await openPoliteHost());
    await meet(poster, peer); // each is closed before the next is opened
    headers.push(...peer.requests.map((request) => request.headers.connection));
  }

  expect(headers).toEqual(Array(20).fill("keep-alive")); // from the third on it would be "close" if the first two were kept
});

test.each([
  { ms: 0, left: [1, 1, 1], opened: 2 },
  { ms: 3999, left: [1, 1, 1], opened: 2 },
  { ms: 4000, left: [0, 0, 0], opened: 4 },
  { ms: 60_000, left: [0, 0, 0], opened: 4 },
])("an origin that is met again $ms ms after each answer has $left open then", async ({ ms, left, opened }) => {
  const clock = new TestClock(start);
  await using peer = await openPoliteHost();
  await using poster = openPoster({ clock });
  const open: number[] = [];

  await meet(poster, peer);
  for (let i = 0; i < left.length; i += 1) {
    clock.advance(ms);
    expect(await poster.post(post(peer.origin))).toEqual(thanks);
    open.push((await connectionsOf(peer)).open);
  }

  expect(open).toEqual(left);
  expect(peer.connections()).toBe(opened);
});

test("an origin that was met often is forgotten after 4 s: it begins anew", async () => {
  const clock = new TestClock(start);
  await using peer = await openPoliteHost();
  await using poster = openPoster({ clock });
  for (let i = 0; i < 5; i += 1) await poster.post(post(peer.origin));
  expect(await connectionsOf(peer)).toEqual({ opened: 2, open: 1 });

  clock.advance(4000);
  await until(() => peer.open() === 0);
  await poster.post(post(peer.origin));
  expect(await connectionsOf(peer)).toEqual({ opened: 3, open: 0 });
  await poster.post(post(peer.origin));
  expect(await connectionsOf(peer)).toEqual({ opened: 4, open: 1 });
});

test("without a limit all are kept", async () => {
  await using peer = await openPoliteHost();
  await using poster = openPoster({ maxSockets: Infinity });

  await meet(poster, peer);
  for (let i = 0; i < 3; i += 1) await poster.post(post(peer.origin));

  expect(peer.requests.map((request) => request.headers.connection)).toEqual(Array(4).fill("keep-alive"));
  expect(peer.connections()).toBe(2);
});

test("a POST that comes while the connection before it is being closed waits for its end", async () => {
  await using peer = await openPoliteHost();
  await using poster = openPoster({ clock: new TestClock(start), connectionsPerOrigin: 1 });

  for (let i = 0; i < 3; i += 1) expect(await poster.post(post(peer.origin))).toEqual(thanks);

  expect(await connectionsOf(peer)).toEqual({ opened: 2, open: 1 });
});

test("two at a time are met again: both connections are kept, used again, and closed after 4 s", async () => {
  const clock = new TestClock(start);
  await using peer = await openSlowHost();
  await using poster = openPoster({ clock });

  for (let i = 0; i < 3; i += 1) {
    const posted = [poster.post(post(peer.origin)), poster.post(post(peer.origin))];
    await until(() => peer.waiting.length === 2);
    peer.answer();
    expect(await Promise.all(posted)).toEqual([thanks, thanks]);
    expect(await connectionsOf(peer)).toEqual({ opened: 2, open: 2 });
    clock.advance(3999);
  }
  expect(await connectionsOf(peer)).toEqual({ opened: 2, open: 2 });
  clock.advance(1);

  await until(() => peer.open() === 0);
});

test("of two at a time the first is kept for the time another may come, the second not if it comes later than that", async () => {
  const clock = new TestClock(start);
  await using peer = await openSlowHost();
  await using poster = openPoster({ clock });

  const posted = [poster.post(post(peer.origin)), poster.post(post(peer.origin))];
  await until(() => peer.waiting.length === 2);
  peer.waiting.shift()?.end();
  await Promise.race(posted);
  clock.advance(3999);
  expect(await connectionsOf(peer)).toEqual({ opened: 2, open: 2 });
  clock.advance(1);
  await until(() => peer.open() === 1);
  peer.answer();

  expect(await Promise.all(posted)).toEqual([thanks, thanks]);
  expect(await connectionsOf(peer)).toEqual({ opened: 2, open: 0 });
});

test("those that waited for one connection have met its origin again: it is kept after the last", async () => {
  await using peer = await openPoliteHost();
  await using poster = openPoster({ clock: new TestClock(start), connectionsPerOrigin: 1 });

  await Promise.all([1, 2].map(() => poster.post(post(peer.origin))));
  expect(await connectionsOf(peer)).toEqual({ opened: 1, open: 1 });

  expect(await poster.post(post(peer.origin))).toEqual(thanks);
  expect(await connectionsOf(peer)).toEqual({ opened: 1, open: 1 });
});

test("the TLS session of a connection that was closed at once is resumed by the next", async () => {
  onTestFinished(trustTestCertificate());
  const clock = new TestClock(start);
  const resumed: boolean[] = [];
  const server = createServer({ cert: testCertificate, key: testKey }, (request, response) => {
    resumed.push((request.socket as TLSSocket).isSessionReused());
    response.end();
  });
  onTestFinished(() => void server.close());
  let open = 0;
  server.on("connection", (socket) => {
    open += 1;
    socket.once("close", () => (open -= 1));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  await using poster = openPoster({ clock });
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  for (let i = 0; i < 3; i += 1) {
    expect(await poster.post(post(url))).toEqual(thanks);
    await until(() => open === 0);
    clock.advance(4000);
  }

  expect(resumed).toEqual([false, true, true]);
});
