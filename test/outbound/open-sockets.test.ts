import type { Socket } from "node:net";
import { expect, test } from "vitest";
import type { Outbound } from "../../src/outbound/outbound.ts";
import { TestClock } from "../support/test-clock.ts";
import { until } from "../support/until.ts";
import {
  closedPort,
  get,
  openOutbound,
  openPeer,
  openPoliteHost,
  openRawPeer,
  openSecurePeer,
  openSlowHost,
} from "./peers.ts";

const start = new Date("2026-01-01T00:00:00Z");

test("at the limit nothing is dialled: a fault of our own, until one of the others has its answer", async () => {
  await using slow = await openSlowHost();
  await using peer = await openPoliteHost();
  await using outbound = openOutbound({ maxSockets: 3 });
  const running = [1, 2, 3].map(() => outbound.exchange(get(slow.origin)));
  await until(() => slow.waiting.length === 3);

  const refused = { kind: "failed", reason: "exhausted", detail: "the hub has as many connections open as it may (3)" };
  const answers = await Promise.all([1, 2, 3].map(() => outbound.exchange(get(peer.origin))));
  expect(answers).toEqual([refused, refused, refused]);
  expect(peer.connections()).toBe(0);
  expect(await outbound.exchange(get("http://10.0.0.1/"))).toMatchObject({ reason: "forbidden" }); // whose fault comes first

  slow.waiting[0]?.end();
  await running[0];
  expect(await outbound.exchange(get(peer.origin))).toMatchObject({ status: 200 });
  slow.answer();
  expect(await Promise.all(running)).toMatchObject([{ status: 200 }, { status: 200 }, { status: 200 }]);
});

/** Four at a time, each the next one as soon as it is settled. Returns what came of them. */
async function getOn(outbound: Outbound, urls: readonly string[]): Promise<Set<string>> {
  let next = 0;
  async function one(): Promise<string[]> {
    const kinds: string[] = [];
    for (let i = 0; i < 100; i += 1) {
      const answer = await outbound.exchange(get(urls[(next += 1) % urls.length] ?? "", { maxBytes: 10_000 }));
      kinds.push(answer.kind === "failed" ? answer.reason : answer.kind);
    }
    return kinds;
  }
  return new Set((await Promise.all([one(), one(), one(), one()])).flat());
}

test("as many exchanges as connections never find all taken, however they end", async () => {
  await using stack = new AsyncDisposableStack();
  const outbound = stack.use(openOutbound({ maxSockets: 4, clock: new TestClock(start) }));
  const peers = [
    stack.use(await openPoliteHost()),
    stack.use(await openPeer((_request, response) => response.setHeader("connection", "close").end("x"))),
    stack.use(await openRawPeer((socket) => socket.resetAndDestroy())),
    stack.use(await openRawPeer((socket) => socket.end("no HTTP"))),
    stack.use(await openRawPeer((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nx"))),
    stack.use(await openRawPeer((socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${"x".repeat(20_000)}`))),
    stack.use(await openSecurePeer((_request, response) => response.end())),
  ];
  const more = [`http://127.0.0.1:${await closedPort()}`, `http://localhost:${await closedPort()}`, "http://10.0.0.1/"];

  const kinds = await getOn(outbound, [...peers.map(({ origin }) => origin), ...more]);

  expect(kinds).toEqual(new Set(["answered", "broken", "refused", "tls", "forbidden"]));
});

test.each(["http", "https"])(
  "nor do they when others were called off while they waited or were dialled (%s)",
  async (scheme) => {
    const clock = new TestClock(start);
    const sockets: Socket[] = [];
    await using silent = await openRawPeer((socket) => void sockets.push(socket));
    await using polite = await openPoliteHost();
    await using outbound = openOutbound({ maxSockets: 2, clock });
    const request = get(`${scheme}://127.0.0.1:${silent.port}/`, { wallClockMs: 3000 });

    const held = [1, 2].map(async () => {
      const first = await outbound.exchange(request);
      return [first, await outbound.exchange(get(polite.origin))];
    });
    await until(() => sockets.length === 2);
    clock.advance(3000);

    const timedOut = { kind: "failed", reason: "timeout", detail: "not done within 3 s" };
    for (const pair of await Promise.all(held)) expect(pair).toMatchObject([timedOut, { status: 200 }]);
  },
);
