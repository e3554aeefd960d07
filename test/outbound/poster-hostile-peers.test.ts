import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { TestClock } from "../support/test-clock.ts";
import { turns, until } from "../support/until.ts";
import { refusedAnswers, unusableAnswers } from "./answers.ts";
import { closed, closedPort, drip, firstSocket, meet, openPoliteHost, openPoster, openRawPeer, post } from "./peers.ts";

const start = new Date("2026-01-01T00:00:00Z");
const noContent = "HTTP/1.1 204 No Content\r\n\r\n";
const aborted = { kind: "failed", reason: "aborted", detail: "called off by the hub" };
const overdue = { kind: "failed", reason: "timeout", detail: "not done within 15 s" };
const brokenOff = {
  kind: "failed",
  reason: "broken",
  detail: "the peer broke off: it closed the connection without an answer",
};

test.each(refusedAnswers)("$what is a failure of the peer", async ({ answer }) => {
  await using peer = await openRawPeer((socket) => socket.write(answer, "latin1"));
  await using poster = openPoster();

  const result = await poster.post(post(`${peer.origin}/?secret`));

  expect(result).toMatchObject({ kind: "failed", reason: "broken" });
  expect(result).toHaveProperty("detail", expect.not.stringContaining("secret"));
});

test.each(unusableAnswers)(
  "$what is an answer, and the next POST goes over another connection",
  async ({ answer, status }) => {
    await using peer = await openRawPeer((socket) => socket.end(answer, "latin1"));
    await using poster = openPoster({ connectionsPerOrigin: 1 });

    for (let i = 1; i <= 3; i += 1) {
      expect(await poster.post(post(peer.origin))).toMatchObject({ kind: "answered", status });
      expect(peer.connections()).toBe(i);
    }
  },
);

test.each([
  { what: "no answer", hangUp: (socket: Socket) => socket.end() },
  { what: "half an answer", hangUp: (socket: Socket) => socket.end("HTTP/1.1 204") },
  { what: "interim answers alone", hangUp: (socket: Socket) => socket.end("HTTP/1.1 100 Continue\r\n\r\n") },
])("a peer that closes with $what is a failure, at its first POST and not tried again", async ({ hangUp }) => {
  await using peer = await openRawPeer(hangUp);
  await using poster = openPoster();

  expect(await poster.post(post(peer.origin))).toEqual(brokenOff);
  expect(peer.connections()).toBe(1);
});

test("a reset instead of an answer is a failure of the peer", async () => {
  await using peer = await openRawPeer((socket) => socket.resetAndDestroy());
  await using poster = openPoster();

  expect(await poster.post(post(peer.origin))).toMatchObject({ kind: "failed", reason: "broken" });
  expect(peer.connections()).toBe(1);
});

/** Each connection serves one POST; what the next one meets there is up to `onNext`. */
function openStalePeer(onNext: (socket: Socket) => void, served = Infinity) {
  let count = 0;
  return openRawPeer((socket) => {
    count += 1;
    if (count > served) return onNext(socket);
    socket.once("data", () => onNext(socket));
    return void socket.write(noContent);
  });
}

test.each([
  { how: "FIN", end: (socket: Socket) => socket.end() },
  { how: "RST", end: (socket: Socket) => socket.resetAndDestroy() },
])("a kept connection that the peer closes on the next POST ($how) costs it nothing", async ({ end }) => {
  await using peer = await openStalePeer(end);
  await using poster = openPoster({ connectionsPerOrigin: 1 });

  await meet(poster, peer);
  for (let i = 1; i <= 5; i += 1) {
    expect(await poster.post(post(peer.origin))).toMatchObject({ status: 204 });
    expect(peer.connections()).toBe(1 + i);
  }
});

test("what met a stale connection is tried on one new connection, not on two", async () => {
  await using peer = await openStalePeer((socket) => socket.end(), 2);
  await using poster = openPoster();

  await meet(poster, peer);
  expect(await poster.post(post(peer.origin))).toMatchObject({ status: 204 });
  expect(await poster.post(post(peer.origin))).toEqual(brokenOff);
  expect(peer.connections()).toBe(3);
});

test("what met stale connections is never tried on another idle one", async () => {
  const sockets: Socket[] = [];
  let isStale = false;
  await using peer = await openRawPeer((socket) => {
    sockets.push(socket);
    socket.on("data", () => (isStale ? socket.end() : void sockets.push(socket)));
  });
  await using poster = openPoster();
  const first = [1, 2, 3].map(() => poster.post(post(peer.origin)));
  await until(() => sockets.length === 3);
  for (const socket of sockets) socket.write(noContent);
  await Promise.all(first);
  isStale = true;

  const posted = poster.post(post(peer.origin));
  await until(() => sockets.length === 4);
  sockets[3]?.write(noContent);

  expect(await posted).toMatchObject({ status: 204 });
});

test("a byte of an answer is enough for a POST not to be tried again", async () => {
  await using peer = await openStalePeer((socket) => socket.end("H"));
  await using poster = openPoster();

  await meet(poster, peer);
  expect(await poster.post(post(peer.origin))).toMatchObject({ status: 204 });
  expect(await poster.post(post(peer.origin))).toEqual(brokenOff);
  expect(peer.connections()).toBe(2);
});

test.each([
  { what: "silence", first: "", drop: "" },
  { what: "a dripping status line", first: "HTTP/1.1 200 ", drop: "O" },
  { what: "a dripping head", first: "HTTP/1.1 200 OK\r\n", drop: "X: y\r\n" },
  { what: "a flood of 103", first: "", drop: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" },
])("$what ends with the wall clock, and the socket with it", async ({ first, drop }) => {
  const clock = new TestClock(start);
  const { socket: accepted, arrived } = firstSocket();
  await using peer = await openRawPeer((socket) => {
    if (first !== "") socket.write(first);
    drip(socket, drop);
    accepted(socket);
  });
  await using poster = openPoster({ clock });

  const posted = poster.post(post(peer.origin));
  const socket = await arrived;
  await until(turns(10));
  clock.advance(14_999);
  await until(turns(10));
  expect(socket.destroyed).toBe(false);
  clock.advance(1);

  expect(await posted).toEqual(overdue);
  await closed(socket);
  expect(clock.waiting).toBe(0);
});

test("a POST that waits has its own wall clock, and takes the place of one that is overdue", async () => {
  const clock = new TestClock(start);
  const sockets: Socket[] = [];
  await using peer = await openRawPeer((socket) => void sockets.push(socket));
  await using poster = openPoster({ clock, connectionsPerOrigin: 1 });

  const ahead = [poster.post(post(peer.origin)), poster.post(post(peer.origin))];
  await until(() => sockets.length === 1);
  clock.advance(10_000);
  const behind = poster.post(post(peer.origin));
  clock.advance(5000);
  expect(await Promise.all(ahead)).toEqual([overdue, overdue]);
  await until(() => sockets.length === 2);
  clock.advance(9999);
  sockets[1]?.write(noContent);

  expect(await behind).toMatchObject({ status: 204 });
});

test("what comes after the status line has a second, so that its socket does not pile up", async () => {
  const clock = new TestClock(start);
  const { socket: accepted, arrived } = firstSocket();
  await using peer = await openRawPeer((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    accepted(socket);
  });
  await using poster = openPoster({ clock });

  expect(await poster.post(post(peer.origin))).toMatchObject({ status: 200 });
  const socket = await arrived;
  clock.advance(999);
  await until(turns(10));
  expect(socket.destroyed).toBe(false);
  clock.advance(1);

  await closed(socket);
});

test("of an endless body 16 KiB are read, and the connection is then closed", async () => {
  const { socket: accepted, arrived } = firstSocket();
  await using peer = await openRawPeer((socket) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    drip(socket, "x".repeat(1000));
    accepted(socket);
  });
  await using poster = openPoster({ connectionsPerOrigin: 1, clock: new TestClock(start) });

  expect(await poster.post(post(peer.origin))).toMatchObject({ status: 200 });
  await closed(await arrived);
});

test.each(["disposing", "the signal"])(
  "%s ends what is in flight, waiting or connecting, and what comes later",
  async (how) => {
    const clock = new TestClock(start);
    const cut = new AbortController();
    const { socket: accepted, arrived } = firstSocket();
    await using peer = await openRawPeer((socket) => accepted(socket));
    await using idle = await openPoliteHost();
    const options = { clock, connectionsPerOrigin: 1, resolve: () => new Promise<never>(() => {}), cut: cut.signal };
    await using poster = openPoster(options);
    await meet(poster, idle);
    await poster.post(post(idle.origin));
    await until(turns(10));
    expect(idle.open()).toBe(1);

    const urls = [peer.origin, peer.origin, "http://slow.example/", "http://slow.example/"];
    const posted = urls.map((url) => poster.post(post(url)));
    const socket = await arrived;
    if (how === "disposing") await poster[Symbol.asyncDispose]();
    else cut.abort();
    posted.push(poster.post(post(peer.origin)));

    expect(await Promise.all(posted)).toEqual([aborted, aborted, aborted, aborted, aborted]);
    await closed(socket);
    expect(peer.connections()).toBe(1);
    expect(clock.waiting).toBe(0);
    await until(() => idle.open() === 0);
  },
);

test("a signal that was given before ends everything too", async () => {
  const clock = new TestClock(start);
  await using peer = await openPoliteHost();
  await using poster = openPoster({ clock, cut: AbortSignal.abort() });

  expect(await poster.post(post(peer.origin))).toEqual(aborted);
  expect(peer.connections()).toBe(0);
  expect(clock.waiting).toBe(0);
});

test.each([1, 4])(
  "200 refused connections, each tried again at once, harm nothing (%i per origin)",
  async (connections) => {
    const port = await closedPort();
    await using poster = openPoster({ connectionsPerOrigin: connections });

    async function twice(): Promise<string[]> {
      const reasons: string[] = [];
      for (let i = 0; i < 2; i += 1) {
        const answer = await poster.post(post(`http://127.0.0.1:${port}/`));
        reasons.push(answer.kind === "failed" ? answer.reason : answer.kind);
      }
      return reasons;
    }
    const reasons = await Promise.all(Array.from({ length: 200 }, twice));

    expect(new Set(reasons.flat())).toEqual(new Set(["refused"]));
  },
);

test("a peer that half closes and never reads does not keep a POST that cannot be answered any more", async () => {
  const { socket: accepted, arrived } = firstSocket();
  await using peer = await openRawPeer((socket) => {
    socket.pause();
    socket.end();
    accepted(socket);
  });
  await using poster = openPoster({ clock: new TestClock(start) });

  const posted = poster.post({ url: peer.origin, headers: "", body: Buffer.alloc(32 * 1024 * 1024) });

  expect(await posted).toEqual(brokenOff);
  (await arrived).destroy();
});
