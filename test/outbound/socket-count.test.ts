import type { Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { createConnector } from "../../src/outbound/connector.ts";
import { failureOf } from "../../src/outbound/failure.ts";
import type { Resolve } from "../../src/outbound/guarded-lookup.ts";
import { createOpenSockets } from "../../src/outbound/open-sockets.ts";
import type { OutboundAnswer } from "../../src/outbound/outbound.ts";
import { TestClock } from "../support/test-clock.ts";
import { until } from "../support/until.ts";
import { closedPort, get, openOutbound, openPeer, openRawPeer, openSecurePeer } from "./peers.ts";
import { trustTestCertificate } from "./test-certificate.ts";

const start = new Date("2026-01-01T00:00:00Z");

type Setting = { readonly clock?: TestClock; readonly resolve?: Resolve };

/** A connector, what it counts, and how to take hold of a connection. */
function openConnector({ clock, resolve = async () => ["127.0.0.1"] }: Setting = {}) {
  const closing = new AbortController();
  const sockets = createOpenSockets(2);
  const reach = { allowCidrs: ["127.0.0.0/8"], clock: clock ?? systemClock };
  const connect = createConnector({ ...reach, resolve, sockets, signal: closing.signal });

  function dial(protocol: "http:" | "https:", hostname: string, port: number): Promise<Socket | string> {
    return new Promise((settle) => {
      connect({ protocol, hostname, port: String(port) }, (outcome) => {
        settle(outcome instanceof Error ? failureOf(outcome).reason : outcome);
      });
    });
  }
  return { sockets, dial, stop: () => closing.abort() };
}

test("a connection counts from the dial to its close, whoever closes it", async () => {
  const accepted: Socket[] = [];
  await using peer = await openPeer(() => {});
  await using raw = await openRawPeer((socket) => accepted.push(socket));
  const { sockets, dial } = openConnector();

  const ours = dial("http:", "127.0.0.1", peer.port);
  const theirs = dial("http:", "a.example", raw.port);
  expect(sockets.count).toBe(2);
  expect(await dial("http:", "127.0.0.1", peer.port)).toBe("exhausted");
  const [first, second] = await Promise.all([ours, theirs]);
  if (typeof first === "string" || typeof second === "string") throw new Error("not connected");
  expect(sockets.count).toBe(2);

  first.destroy();
  await until(() => sockets.count === 1);
  second.resume().write("x");
  await until(() => accepted.length === 1);
  accepted[0]?.end();
  await until(() => sockets.count === 0);
});

test("a TLS connection counts once", async () => {
  onTestFinished(trustTestCertificate());
  await using peer = await openSecurePeer(() => {});
  const { sockets, dial } = openConnector();

  const socket = await dial("https:", "tls.example", peer.port);
  expect(sockets.count).toBe(1);
  if (typeof socket !== "string") socket.destroy();

  await until(() => sockets.count === 0);
});

test.each(["127.0.0.1", "a.example"])("nothing is left of a dial where nobody listens (%s)", async (host) => {
  const port = await closedPort();
  const { sockets, dial } = openConnector();

  const dialled = dial("http:", host, port);
  expect(sockets.count).toBe(1);
  expect(await dialled).toBe("refused");
  await until(() => sockets.count === 0);
});

test.each([
  { what: "speaks plain HTTP", answer: "HTTP/1.1 400 Bad Request\r\n\r\n" },
  { what: "hangs up in the handshake", answer: "" },
])("nothing is left of a dial where the peer $what", async ({ answer }) => {
  await using peer = await openRawPeer((socket) => socket.end(answer));
  const { sockets, dial } = openConnector();

  const dialled = dial("https:", "127.0.0.1", peer.port);
  expect(sockets.count).toBe(1);
  expect(await dialled).toBe("tls");
  await until(() => sockets.count === 0);
});

test("nothing is left of a dial where the certificate is not trusted", async () => {
  await using peer = await openSecurePeer(() => {});
  const { sockets, dial } = openConnector();

  expect(await dial("https:", "tls.example", peer.port)).toBe("tls");
  await until(() => sockets.count === 0);
});

test.each([
  {
    what: "does not resolve",
    resolve: () => Promise.reject(Object.assign(new Error("no"), { code: "ENOTFOUND" })),
    reason: "unresolved",
  },
  { what: "has no address", resolve: async () => [], reason: "unresolved" },
  { what: "resolves to a forbidden address", resolve: async () => ["10.0.0.1"], reason: "forbidden" },
])("nothing is left of a dial where the name $what", async ({ resolve, reason }) => {
  const { sockets, dial } = openConnector({ resolve });

  const dialled = dial("http:", "a.example", 80);
  expect(sockets.count).toBe(1);
  expect(await dialled).toBe(reason);
  await until(() => sockets.count === 0);
});

test("what is refused without a dial never counts", async () => {
  const { sockets, dial } = openConnector();

  const dialled = dial("http:", "10.0.0.1", 80);
  expect(sockets.count).toBe(0);
  expect(await dialled).toBe("forbidden");
});

test.each([
  { what: "in name resolution", resolve: () => new Promise<never>(() => {}), arrivals: 0 },
  { what: "in the handshake", resolve: async () => ["127.0.0.1"], arrivals: 1 },
])("nothing is left of a dial that is ended $what, by the connect limit or by us", async ({ resolve, arrivals }) => {
  let arrived = 0;
  await using peer = await openRawPeer(() => (arrived += 1));
  const clock = new TestClock(start);
  const { sockets, dial, stop } = openConnector({ clock, resolve });

  for (const { end, reason } of [
    { end: () => clock.advance(5_000), reason: "timeout" },
    { end: stop, reason: "aborted" },
  ]) {
    arrived = 0;
    const dialled = dial("https:", "a.example", peer.port);
    await until(() => arrived === arrivals);
    expect(sockets.count).toBe(1);
    end();
    expect(await dialled).toBe(reason);
    await until(() => sockets.count === 0);
  }
});

test("failures of all kinds, many times over, leave room for all that may be open", async () => {
  const clock = new TestClock(start);
  const held: Socket[] = [];
  await using mute = await openRawPeer((socket) => held.push(socket));
  await using rude = await openRawPeer((socket) => socket.resetAndDestroy());
  await using broken = await openRawPeer((socket) => socket.end("no HTTP\r\n"));
  await using untrusted = await openSecurePeer((_request, response) => response.end());
  await using polite = await openPeer((_request, response) => response.end());
  await using outbound = openOutbound({ clock, maxSockets: 2 });
  const urls = [
    rude.origin,
    broken.origin,
    untrusted.origin,
    "http://10.0.0.1/",
    `http://127.0.0.1:${await closedPort()}`,
  ];

  for (let i = 0; i < 10; i += 1) {
    const reasons: string[] = [];
    for (const url of urls) reasons.push(reasonOf(await outbound.exchange(get(url))));
    const stop = new AbortController();
    for (const end of [() => clock.advance(6_000), () => stop.abort()]) {
      const exchange = outbound.exchange(get(mute.origin, { wallClockMs: 6_000, signal: stop.signal }));
      await until(() => held.length === 1);
      end();
      reasons.push(reasonOf(await exchange));
      held.length = 0;
    }
    expect(reasons).toEqual(["broken", "broken", "tls", "forbidden", "refused", "timeout", "aborted"]);
  }

  const holding = outbound.exchange(get(mute.origin));
  await until(() => held.length === 1);
  expect(await outbound.exchange(get(polite.origin))).toMatchObject({ status: 200 });
  held[0]?.end("HTTP/1.1 204 No Content\r\n\r\n");
  expect(await holding).toMatchObject({ status: 204 });
});

function reasonOf(answer: OutboundAnswer): string {
  return answer.kind === "failed" ? answer.reason : answer.kind;
}
