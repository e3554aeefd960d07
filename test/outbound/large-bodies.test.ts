import { once } from "node:events";
import { createServer } from "node:tls";
import type { AddressInfo, Socket } from "node:net";

import { expect, onTestFinished, test } from "vitest";
import { freeLargeBody } from "../../src/work/large-body.ts";
import { turns, until } from "../support/until.ts";
import { closed, firstSocket, get, openOutbound, openPeer, openPoster, openRawPeer } from "./peers.ts";
import { testCertificate, testKey, trustTestCertificate } from "./test-certificate.ts";

const size = 32 * 1024 * 1024;
const noContent = "HTTP/1.1 204 No Content\r\n\r\n";

/** Takes the first bytes of whoever comes, and no more. */
async function openDeafSecurePeer(): Promise<{ readonly url: string; readonly sockets: readonly Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer({ cert: testCertificate, key: testKey }, (socket) => {
    socket.on("error", () => {}); // that it is cut off
    socket.pause();
    sockets.push(socket);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`, sockets };
}

test("a body that is freed under way is not sent as if that were its end", async () => {
  const { socket: accept, arrived } = firstSocket();
  await using peer = await openRawPeer((socket) => accept(socket.pause()));
  await using poster = openPoster();
  const body = Buffer.alloc(size, "a");

  const posted = poster.post({ url: peer.origin, headers: "", body });
  const socket = await arrived;
  freeLargeBody(body);
  socket.resume();
  await closed(socket);

  expect(body).toHaveLength(0);
  expect(socket.bytesRead).toBeLessThan(size);
  expect(await posted).toMatchObject({ kind: "failed", reason: "broken" });
});

test("an answer to half of a large body ends its connection", async () => {
  const { socket: accept, arrived } = firstSocket();
  await using peer = await openRawPeer((socket) => {
    socket.pause().write(noContent);
    accept(socket);
  });
  await using poster = openPoster();

  expect(await poster.post({ url: peer.origin, headers: "", body: Buffer.alloc(size) })).toMatchObject({ status: 204 });
  const socket = (await arrived).resume();
  await closed(socket);

  expect(socket.bytesRead).toBeLessThan(size);
});

test("a small body is left alone: the system may be about to send it", () => {
  const body = Buffer.from(new ArrayBuffer(64 * 1024));
  freeLargeBody(body);
  expect(body).toHaveLength(64 * 1024);
});

test("of a large body little is encrypted for peers that do not read", async () => {
  onTestFinished(trustTestCertificate());
  const { url, sockets } = await openDeafSecurePeer();
  await using poster = openPoster({ connectionsPerOrigin: 8 });
  const body = Buffer.alloc(size, "a");
  const before = process.memoryUsage().rss;

  const posted = Array.from({ length: 8 }, () => poster.post({ url, headers: "", body }));
  await until(() => sockets.length === 8);
  await until(turns(100));
  const taken = process.memoryUsage().rss - before;
  for (const socket of sockets) socket.destroy();
  await Promise.all(posted);

  expect(taken).toBeLessThan(size * 4); // of 8 times its size
});

test("an answer for whose body there is no room is cut off, by a fault of our own", async () => {
  const asked: (readonly [bytes: number, length: string | undefined])[] = [];
  await using peer = await openPeer((_request, response) => response.end(Buffer.alloc(500_000)));
  await using outbound = openOutbound();
  const makeRoom = (bytes: number, headers: Readonly<Record<string, string>>) => {
    asked.push([bytes, headers["content-length"]]);
    return bytes < 100_000;
  };

  const answer = await outbound.exchange(get(peer.origin, { makeRoom }));

  expect(answer).toMatchObject({ kind: "failed", reason: "exhausted" });
  expect(asked.at(-1)?.[0]).toBeGreaterThanOrEqual(100_000);
  expect(asked.at(-1)?.[0]).toBeLessThan(500_000);
  expect(asked[0]?.[1]).toBe("500000");
  await until(() => peer.open() === 0);
});
