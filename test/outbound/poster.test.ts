import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { TestClock } from "../support/test-clock.ts";
import { turns, until } from "../support/until.ts";
import { closed, meet, openPeer, openPoliteHost, openPoster, openRawPeer, openSlowHost, post } from "./peers.ts";

const start = new Date("2026-01-01T00:00:00Z");
const noContent = "HTTP/1.1 204 No Content\r\n\r\n";
const answered = (status: number) => ({ kind: "answered", status, retryAfter: undefined });

test.each([
  { after: "/%7Euser/%2fa%2F?q=%27&x='y'", line: "/%7Euser/%2fa%2F?q=%27&x='y'" },
  { after: "/a/../b/./c//d", line: "/a/../b/./c//d" },
  { after: "", line: "/" },
  { after: "?q=1", line: "/?q=1" },
  { after: '/a?b=\\"<{|}>^`', line: '/a?b=\\"<{|}>^`' },
  { after: "/é?ü", line: "/%C3%A9?%C3%BC" },
  { after: "/a b", line: "/a%20b" },
  { after: "/a\r\nX: 1\r\n\r\n", line: "/aX:%201" },
])("§7 a POST to $after is these bytes and no others", async ({ after, line }) => {
  const requests: string[] = [];
  await using peer = await openRawPeer((socket, request) => {
    requests.push(request);
    socket.end(noContent);
  });
  await using poster = openPoster();

  expect(await poster.post(post(peer.origin + after, "a\0\r\n", "x: \xe9\r\n"))).toEqual(answered(204));

  expect(requests).toEqual([
    `POST ${line} HTTP/1.1\r\nhost: 127.0.0.1:${peer.port}\r\nx: \xe9\r\nconnection: keep-alive\r\ncontent-length: 4\r\n\r\na\0\r\n`,
  ]);
});

test("an address of IPv6 is named in brackets", async () => {
  const requests: string[] = [];
  await using peer = await openRawPeer((socket, request) => {
    requests.push(request);
    socket.end(noContent);
  });
  await using poster = openPoster();

  expect(await poster.post(post(`http://[::ffff:127.0.0.1]:${peer.port}/`, ""))).toEqual(answered(204));

  expect(requests).toEqual([
    `POST / HTTP/1.1\r\nhost: [::ffff:7f00:1]:${peer.port}\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n`,
  ]);
});

test("a large body arrives whole, and is not copied", async () => {
  const pieces: Buffer[] = [];
  const size = 32 * 1024 * 1024;
  const { promise: arrived, resolve: accept } = Promise.withResolvers<Socket>();
  await using peer = await openRawPeer((socket) => {
    socket.pause();
    accept(socket);
  });
  await using poster = openPoster();
  const body = Buffer.alloc(size, "a");

  const posted = poster.post({ url: peer.origin, headers: "", body });
  const socket = await arrived;
  body.fill("b", size / 2);
  let length = socket.bytesRead;
  socket.on("data", (chunk: Buffer) => {
    pieces.push(chunk);
    length += chunk.length;
    if (length >= size) socket.write(noContent);
  });
  socket.resume();

  expect(await posted).toEqual(answered(204));
  expect(
    Buffer.concat(pieces)
      .subarray(-size / 2)
      .equals(Buffer.alloc(size / 2, "b")),
  ).toBe(true);
});

test.each([
  { answer: "HTTP/1.1 503 X\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n", status: 503, retryAfter: "120" },
  { answer: "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n", status: 302, retryAfter: undefined },
  { answer: "HTTP/1.1 103 E\r\nRetry-After: 1\r\n\r\nHTTP/1.1 410 Gone\r\n\r\n", status: 410, retryAfter: undefined },
])("§7 of an answer come its status ($status) and when to try again; nothing is followed", async (expected) => {
  await using peer = await openRawPeer((socket) => socket.end(expected.answer));
  await using poster = openPoster();

  const { status, retryAfter } = expected;
  expect(await poster.post(post(peer.origin))).toEqual({ kind: "answered", status, retryAfter });
  expect(peer.connections()).toBe(1);
});

test("POSTs in a row use one connection", async () => {
  await using peer = await openPoliteHost();
  await using poster = openPoster();

  await meet(poster, peer, `${peer.origin}/met`);
  for (let i = 0; i < 5; i += 1) expect(await poster.post(post(`${peer.origin}/${i}`))).toEqual(answered(200));

  expect(peer.connections()).toBe(2);
  expect(peer.requests.map(({ url }) => url)).toEqual(["/met", "/0", "/1", "/2", "/3", "/4"]);
});

test("no more connections are opened to an origin than allowed; the rest wait, and are served in turn", async () => {
  await using peer = await openSlowHost();
  await using poster = openPoster({ connectionsPerOrigin: 3 });
  const urls: (string | undefined)[] = [];

  const posted = Promise.all(Array.from({ length: 30 }, (_, i) => poster.post(post(`${peer.origin}/${i}`))));
  for (let i = 0; i < 10; i += 1) {
    await until(() => peer.waiting.length === 3);
    urls.push(...peer.waiting.map(({ req }) => req.url));
    peer.answer();
  }

  expect(new Set((await posted).map(({ kind }) => kind))).toEqual(new Set(["answered"]));
  expect(peer.connections()).toBe(3);
  expect(urls.map((url) => Number(url?.slice(1))).toSorted((a, b) => a - b)).toEqual([...Array(30).keys()]);
  expect(new Set(urls.slice(0, 3))).toEqual(new Set(["/0", "/1", "/2"]));
});

test("an idle connection is closed after 4 s, and not before", async () => {
  const clock = new TestClock(start);
  const sockets: Socket[] = [];
  await using peer = await openRawPeer((socket) => {
    sockets.push(socket);
    socket.on("data", () => socket.write(noContent));
    socket.write(noContent);
  });
  await using poster = openPoster({ clock });

  await meet(poster, peer);
  for (let i = 0; i < 3; i += 1) {
    expect(await poster.post(post(peer.origin))).toEqual(answered(204));
    clock.advance(3999);
  }
  await until(turns(10));
  expect([peer.connections(), peer.open()]).toEqual([2, 1]);
  clock.advance(1);

  for (const socket of sockets) await closed(socket);
  expect(await poster.post(post(peer.origin))).toEqual(answered(204));
  expect(peer.connections()).toBe(3);
});

test.each([
  { what: "HTTP/1.1", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", connections: 1 },
  {
    what: "HTTP/1.1 that closes",
    answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    connections: 2,
  },
  { what: "HTTP/1.0", answer: "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", connections: 2 },
  {
    what: "HTTP/1.0 that keeps",
    answer: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
    connections: 1,
  },
  { what: "a body without an end", answer: "HTTP/1.1 200 OK\r\n\r\nhello", connections: 2 },
  { what: "two answers in one chunk", answer: noContent + noContent, connections: 2 },
  { what: "broken chunks", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", connections: 2 },
])("two POSTs to a peer of $what take $connections connections", async ({ answer, connections }) => {
  await using peer = await openRawPeer((socket) => {
    socket.on("data", () => socket.write(answer));
    socket.write(answer);
  });
  await using poster = openPoster({ connectionsPerOrigin: 1 });

  await meet(poster, peer);
  const answers = [await poster.post(post(peer.origin)), await poster.post(post(peer.origin))];

  expect(answers.map(({ kind }) => kind)).toEqual(["answered", "answered"]);
  expect(peer.connections()).toBe(1 + connections);
});

test("what comes over a connection that was asked for nothing closes it", async () => {
  const sockets: Socket[] = [];
  await using peer = await openRawPeer((socket) => {
    sockets.push(socket);
    socket.write(noContent);
  });
  await using poster = openPoster();

  await meet(poster, peer);
  expect(await poster.post(post(peer.origin))).toEqual(answered(204));
  await until(turns(10));
  expect(peer.open()).toBe(1);
  sockets[1]?.write("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n");
  for (const socket of sockets) await closed(socket);

  expect(await poster.post(post(peer.origin))).toEqual(answered(204));
  expect(peer.connections()).toBe(3);
});

test("an answer to half a request stands, and closes the connection", async () => {
  const { promise: arrived, resolve: accept } = Promise.withResolvers<Socket>();
  const size = 32 * 1024 * 1024;
  await using peer = await openRawPeer((socket) => {
    if (peer.connections() === 1) return void socket.write(noContent);
    socket.pause();
    socket.write("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    accept(socket);
  });
  await using poster = openPoster();

  await meet(poster, peer);
  expect(await poster.post({ url: peer.origin, headers: "", body: Buffer.alloc(size) })).toEqual(answered(413));
  const socket = await arrived;
  socket.resume();
  await closed(socket);
  expect(socket.bytesRead).toBeLessThan(size);
});

test.each([
  { url: "not a url", reason: "broken" },
  { url: "http://", reason: "broken" },
  { url: "ftp://127.0.0.1/", reason: "forbidden" },
  { url: "data:text/plain,x", reason: "forbidden" },
])("the URL $url is a failure, never a throw, and leaves no timer", async ({ url, reason }) => {
  const clock = new TestClock(start);
  await using poster = openPoster({ clock });

  expect(await poster.post(post(url))).toMatchObject({ kind: "failed", reason });
  expect(clock.waiting).toBe(0);
});

test("a body that comes after its status line is read, and its connection is used again", async () => {
  const sockets: Socket[] = [];
  await using peer = await openRawPeer((socket) => {
    sockets.push(socket);
    socket.on("data", () => socket.write(noContent));
    socket.write(sockets.length === 1 ? noContent : "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
  });
  await using poster = openPoster();

  await meet(poster, peer);
  expect(await poster.post(post(peer.origin))).toEqual(answered(200));
  sockets[1]?.write("llo");
  await until(turns(10));
  expect(await poster.post(post(peer.origin))).toEqual(answered(204));
  expect(peer.connections()).toBe(2);
});

test("POSTs from many places at once find each its own answer", async () => {
  await using peer = await openPeer((request, response) => {
    request.resume().once("end", () => response.writeHead(Number(request.url?.slice(1))).end("thank you"));
  });
  await using poster = openPoster({ connectionsPerOrigin: 7 });
  const statuses = Array.from({ length: 300 }, (_, i) => 200 + i);

  const answers = await Promise.all(statuses.map((status) => poster.post(post(`${peer.origin}/${status}`))));

  expect(answers).toEqual(statuses.map(answered));
});
