import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { TestClock } from "../support/test-clock.ts";
import { closed, closedPort, drip, firstSocket, get, openOutbound, openRawPeer } from "./peers.ts";

const start = new Date("2026-01-01T00:00:00Z");

test.each([
  { what: "a body shorter than Content-Length", answer: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive5" },
  { what: "the same, closing", answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\nfive5" },
  { what: "chunks that break off", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" },
  {
    what: "a broken chunk size",
    answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
  },
  { what: "two lengths", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc" },
  {
    what: "length and chunks",
    answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  },
  { what: "an upgrade nobody asked for", answer: "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nboo" },
  { what: "a status of 000", answer: "HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n" },
  { what: "a status of four digits", answer: "HTTP/1.1 2000 X\r\n\r\n" },
  { what: "no HTTP", answer: "SSH-2.0-OpenSSH_9.9\r\n" },
  { what: "HTTP/0.9", answer: "<html>hello</html>" },
  { what: "nothing", answer: "" },
  { what: "a NUL in a header", answer: "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n" },
  { what: "endless headers", answer: `HTTP/1.1 200 OK\r\n${"X: yyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(2_000)}` },
])("$what is a failure of the peer", async ({ answer }) => {
  await using peer = await openRawPeer((socket) => socket.end(answer));
  await using outbound = openOutbound();

  const result = await outbound.exchange(get(`${peer.origin}/?secret`));

  expect(result).toMatchObject({ kind: "failed", reason: "broken" });
  expect(result).toHaveProperty("detail", expect.not.stringContaining("secret"));
});

test("a reset instead of an answer is a failure of the peer", async () => {
  await using peer = await openRawPeer((socket) => socket.resetAndDestroy());
  await using outbound = openOutbound();

  expect(await outbound.exchange(get(peer.origin))).toMatchObject({ kind: "failed", reason: "broken" });
});

test("a status of 999 is an answer", async () => {
  await using peer = await openRawPeer((socket) => socket.end("HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n"));
  await using outbound = openOutbound();

  expect(await outbound.exchange(get(peer.origin))).toMatchObject({ kind: "answered", status: 999 });
});

test.each(["103 Early Hints\r\nLink: <a>", "100 Continue"])(
  "%j, for which nobody asked, is passed over",
  async (interim) => {
    await using peer = await openRawPeer((socket) => {
      socket.end(`HTTP/1.1 ${interim}\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n`);
    });
    await using outbound = openOutbound();

    expect(await outbound.exchange(get(peer.origin))).toMatchObject({ status: 201 });
  },
);

const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

test.each([
  { what: "silence", first: "", drop: "" },
  { what: "a dripping status line", first: "HTTP/1.1 200 ", drop: "O" },
  { what: "a dripping header field", first: "HTTP/1.1 200 OK\r\nX: ", drop: "y" },
  { what: "a dripping body", first: head, drop: "1\r\nx\r\n" },
  { what: "a flood of 103", first: "", drop: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" },
])("$what ends with the wall clock, and the socket with it", async ({ first, drop }) => {
  const clock = new TestClock(start);
  const { socket: accepted, arrived } = firstSocket();
  await using peer = await openRawPeer((socket) => {
    if (first !== "") socket.write(first);
    drip(socket, drop);
    accepted(socket);
  });
  await using outbound = openOutbound({ clock });

  const exchange = outbound.exchange(get(peer.origin, { wallClockMs: 20_000 }));
  const socket = await arrived;
  await dripped(socket, drop === "" ? 0 : 10);
  clock.advance(19_999);
  expect(clock.waiting).toBe(1);
  clock.advance(1);

  expect(await exchange).toEqual({ kind: "failed", reason: "timeout", detail: "not done within 20 s" });
  await closed(socket);
  expect(clock.waiting).toBe(0);
});

test("the signal ends an exchange at any point, and the socket with it", async () => {
  const { socket: accepted, arrived } = firstSocket();
  await using peer = await openRawPeer((socket) => {
    socket.write(head);
    accepted(socket);
  });
  const clock = new TestClock(start);
  await using outbound = openOutbound({ clock });
  const stop = new AbortController();

  const exchange = outbound.exchange(get(peer.origin, { signal: stop.signal }));
  const socket = await arrived;
  stop.abort();

  expect(await exchange).toEqual({ kind: "failed", reason: "aborted", detail: "called off by the hub" });
  await closed(socket);
  expect(await outbound.exchange(get(peer.origin, { signal: stop.signal }))).toMatchObject({ reason: "aborted" });
  expect(peer.connections()).toBe(1);
  expect(clock.waiting).toBe(0);
});

test("an exchange called off while it waits for a connection spoils nothing for the next", async () => {
  const { socket: accepted, arrived } = firstSocket();
  const ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  await using peer = await openRawPeer((socket) => {
    if (peer.connections() === 1) accepted(socket);
    else socket.write(ok);
  });
  await using outbound = openOutbound({ connectionsPerOrigin: 1 });
  const stop = new AbortController();

  const first = outbound.exchange(get(peer.origin));
  const second = outbound.exchange(get(peer.origin, { signal: stop.signal }));
  const third = outbound.exchange(get(peer.origin));
  const socket = await arrived;
  stop.abort();
  expect(await second).toMatchObject({ kind: "failed", reason: "aborted" });
  socket.write(ok);

  expect(await Promise.all([first, third])).toMatchObject([{ status: 200 }, { status: 200 }]);
  expect(peer.connections()).toBe(2);
});

test.each([1, 4])(
  "200 refused connections, each tried again at once, harm nothing (%i per origin)",
  async (connections) => {
    const port = await closedPort();
    await using outbound = openOutbound({ connectionsPerOrigin: connections });
    const request = get(`http://127.0.0.1:${port}/`);

    async function twice(): Promise<string[]> {
      const reasons: string[] = [];
      for (let i = 0; i < 2; i += 1) {
        const answer = await outbound.exchange(request);
        reasons.push(answer.kind === "failed" ? answer.reason : answer.kind);
      }
      return reasons;
    }
    const reasons = await Promise.all(Array.from({ length: 200 }, twice));

    expect(new Set(reasons.flat())).toEqual(new Set(["refused"]));
  },
);

test("disposing ends what is in flight or waiting; later exchanges end at once", async () => {
  const clock = new TestClock(start);
  const { socket: accepted, arrived } = firstSocket();
  await using peer = await openRawPeer((socket) => accepted(socket));
  const outbound = openOutbound({ clock, connectionsPerOrigin: 1, resolve: () => new Promise(() => {}) });

  const silent = outbound.exchange(get(peer.origin));
  const queued = outbound.exchange(get(peer.origin));
  const connecting = outbound.exchange(get("http://slow.example/"));
  const socket = await arrived;
  await outbound[Symbol.asyncDispose]();
  await outbound[Symbol.asyncDispose]();
  const late = outbound.exchange(get(peer.origin));

  const aborted = { kind: "failed", reason: "aborted", detail: "called off by the hub" };
  expect(await Promise.all([silent, queued, connecting, late])).toEqual([aborted, aborted, aborted, aborted]);
  await closed(socket);
  expect(clock.waiting).toBe(0);
});

/** Resolves when `times` more writes have reached the other side's kernel. */
async function dripped(socket: Socket, times: number): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    const { promise, resolve } = Promise.withResolvers<void>();
    setImmediate(resolve);
    await promise;
  }
  expect(socket.destroyed).toBe(false);
}
