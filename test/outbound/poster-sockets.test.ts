import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { Poster } from "../../src/outbound/outbound.ts";
import { TestClock } from "../support/test-clock.ts";
import { turns, until } from "../support/until.ts";
import {
  closed,
  closedPort,
  firstSocket,
  meet,
  openPeer,
  openPoliteHost,
  openPoster,
  openRawPeer,
  openSecurePeer,
  openSlowHost,
  type Peer,
  post,
} from "./peers.ts";
import { trustTestCertificate } from "./test-certificate.ts";

const start = new Date("2026-01-01T00:00:00Z");

function connectionHeaders(peer: { readonly requests: readonly IncomingMessage[] }): (string | undefined)[] {
  return peer.requests.map((request) => request.headers.connection);
}

test("while less than half of the connections are open they are kept; from half on, closed after the answer", async () => {
  await using first = await openPoliteHost();
  await using second = await openPoliteHost();
  await using third = await openPoliteHost();
  await using poster = openPoster({ maxSockets: 4 });

  await meet(poster, first);
  for (const peer of [first, first, second]) await poster.post(post(peer.origin));
  expect(connectionHeaders(first)).toEqual(["keep-alive", "keep-alive", "keep-alive"]);
  expect(connectionHeaders(second)).toEqual(["close"]);
  expect(first.connections()).toBe(2);

  for (let i = 1; i <= 3; i += 1) {
    expect(await poster.post(post(third.origin))).toMatchObject({ status: 200 });
    expect(third.connections()).toBe(i);
  }
  expect(connectionHeaders(third)).toEqual(["close", "close", "close"]);
});

test("a kept connection is closed too when it is used meanwhile, which makes room to keep others", async () => {
  await using first = await openPoliteHost();
  await using slow = await openSlowHost();
  await using poster = openPoster({ maxSockets: 4 });

  await meet(poster, first);
  await poster.post(post(first.origin));
  const held = poster.post(post(slow.origin));
  await until(() => slow.waiting.length === 1);
  for (let i = 0; i < 2; i += 1) await poster.post(post(first.origin));

  expect(connectionHeaders(first)).toEqual(["keep-alive", "keep-alive", "close", "close"]);
  expect(first.connections()).toBe(3);
  slow.answer();
  expect(await held).toMatchObject({ status: 200 });
});

test("the connection is closed by the hub, though the peer would keep it", async () => {
  const sockets: Socket[] = [];
  await using peer = await openRawPeer((socket) => {
    sockets.push(socket);
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok");
  });
  await using poster = openPoster({ maxSockets: 1, clock: new TestClock(start) });

  for (let i = 1; i <= 2; i += 1) {
    expect(await poster.post(post(peer.origin))).toMatchObject({ status: 200 });
    for (const socket of sockets) await closed(socket);
    expect(sockets).toHaveLength(i);
  }
});

test.each([1, 2])(
  "POSTs that wait for a connection that is closed get one of their own (%i at a time)",
  async (limit) => {
    await using idle = await openPoliteHost();
    await using peer = await openPoliteHost();
    await using poster = openPoster({ maxSockets: limit + 1, connectionsPerOrigin: limit });
    await poster.post(post(idle.origin));

    const answers = await Promise.all(Array.from({ length: 20 }, () => poster.post(post(`${peer.origin}/cb`))));

    expect(answers.map((answer) => answer.kind)).toEqual(Array(20).fill("answered"));
    expect(new Set(connectionHeaders(peer))).toEqual(new Set(["close"]));
    expect(peer.connections()).toBe(20);
  },
);

test("whether a connection is kept is decided when a waiting POST gets it", async () => {
  await using slow = await openSlowHost();
  await using peer = await openSlowHost();
  await using poster = openPoster({ maxSockets: 4, connectionsPerOrigin: 1 });

  const ahead = poster.post(post(peer.origin));
  const behind = poster.post(post(peer.origin));
  await until(() => peer.waiting.length === 1);
  const others = poster.post(post(slow.origin));
  await until(() => slow.waiting.length === 1);
  expect(peer.waiting[0]?.req.headers.connection).toBe("keep-alive");
  peer.answer();
  await ahead;
  await until(() => peer.waiting.length === 1);

  expect(peer.waiting[0]?.req.headers.connection).toBe("close"); // two of four
  expect(peer.connections()).toBe(1);
  for (const host of [peer, slow]) host.answer();
  expect(await Promise.all([behind, others])).toMatchObject([{ status: 200 }, { status: 200 }]);
});

test("at the limit nothing is dialled: a fault of our own; what is open still serves", async () => {
  await using kept = await openPoliteHost();
  await using slow = await openSlowHost();
  await using peer = await openPoliteHost();
  await using poster = openPoster({ maxSockets: 4 });
  await meet(poster, kept);
  await poster.post(post(kept.origin));
  const running = [1, 2, 3].map(() => poster.post(post(slow.origin)));
  await until(() => slow.waiting.length === 3);

  const refused = { kind: "failed", reason: "exhausted", detail: "the hub has as many connections open as it may (4)" };
  const answers = await Promise.all([1, 2, 3].map(() => poster.post(post(peer.origin))));
  expect(answers).toEqual([refused, refused, refused]);
  expect(peer.connections()).toBe(0);
  expect(await poster.post(post("http://10.0.0.1/"))).toMatchObject({ reason: "forbidden" }); // whose fault comes first

  expect(await poster.post(post(kept.origin))).toMatchObject({ status: 200 });
  expect(kept.connections()).toBe(2);
  expect(await poster.post(post(peer.origin))).toMatchObject({ status: 200 }); // in the place of the one just closed

  slow.answer();
  expect(await Promise.all(running)).toMatchObject([{ status: 200 }, { status: 200 }, { status: 200 }]);
});

/** `width` at a time, each the next one as soon as it is settled. Returns what came of them. */
async function postOn(poster: Poster, urls: readonly string[], width: number, rounds: number): Promise<Set<string>> {
  let next = 0;
  async function one(): Promise<string[]> {
    const kinds: string[] = [];
    for (let i = 0; i < rounds; i += 1) {
      next += i % 3 === 0 ? 0 : 1; // now and then an origin that was served just now
      const answer = await poster.post(post(urls[next % urls.length] ?? ""));
      kinds.push(answer.kind === "failed" ? answer.reason : answer.kind);
    }
    return kinds;
  }
  return new Set((await Promise.all(Array.from({ length: width }, one))).flat());
}

test("half as many POSTs as connections never find all taken, whatever is idle elsewhere", async () => {
  await using stack = new AsyncDisposableStack();
  const peers: Peer[] = [];
  for (let i = 0; i < 24; i += 1) peers.push(stack.use(await openPoliteHost()));
  const poster = stack.use(openPoster({ maxSockets: 8 }));

  const urls = peers.map(({ origin }) => origin);
  expect(await postOn(poster, urls, 4, 100)).toEqual(new Set(["answered"]));
});

test("nor do they where peers close, break off, refuse, keep their bodies to themselves or have bad certificates", async () => {
  await using stack = new AsyncDisposableStack();
  const poster = stack.use(openPoster({ maxSockets: 8, clock: new TestClock(start) }));
  const peers = [
    stack.use(await openPeer((_request, response) => response.setHeader("connection", "close").end("x"))),
    stack.use(await openRawPeer((socket) => socket.resetAndDestroy())),
    stack.use(await openRawPeer((socket) => socket.end("no HTTP"))),
    stack.use(await openRawPeer((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nx"))),
    stack.use(await openRawPeer((socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${"x".repeat(20_000)}`))),
    stack.use(await openSecurePeer((_request, response) => response.end())),
  ];
  for (let i = 0; i < 8; i += 1) peers.push(stack.use(await openPoliteHost()));

  const urls = [...peers.map(({ origin }) => origin), `http://127.0.0.1:${await closedPort()}`, "http://10.0.0.1/"];
  expect(await postOn(poster, urls, 4, 100)).toEqual(new Set(["answered", "broken", "refused", "tls", "forbidden"]));
});

test.each([
  { what: "answer", scheme: "http", ms: 15_000 },
  { what: "shake hands", scheme: "https", ms: 5000 },
])(
  "nor when those that do not $what are called off, and each is followed by another at once",
  async ({ scheme, ms }) => {
    const clock = new TestClock(start);
    await using stack = new AsyncDisposableStack();
    const poster = stack.use(openPoster({ maxSockets: 8, clock }));
    const idle: Peer[] = [];
    for (let i = 0; i < 3; i += 1) idle.push(stack.use(await openPoliteHost()));
    const sockets: Socket[] = [];
    const silent = stack.use(await openRawPeer((socket) => void sockets.push(socket)));

    for (const peer of idle) {
      await meet(poster, peer);
      await poster.post(post(peer.origin));
    }
    const held = Array.from({ length: 4 }, async () => {
      const first = await poster.post(post(`${scheme}://127.0.0.1:${silent.port}/`));
      return [first, await poster.post(post(`http://localhost:${silent.port}/`))];
    });
    await until(() => sockets.length === 4);
    clock.advance(ms);
    await until(() => sockets.length === 8);
    for (const socket of sockets) socket.write("HTTP/1.1 204 No Content\r\n\r\n");

    const failed = { kind: "failed", reason: "timeout" };
    for (const pair of await Promise.all(held)) expect(pair).toMatchObject([failed, { status: 204 }]);
  },
);

test("from half on the rest of the answer is waited for, a second at most, and the status stands", async () => {
  const clock = new TestClock(start);
  const { socket: accepted, arrived } = firstSocket();
  await using peer = await openRawPeer((socket) => {
    accepted(socket);
    socket.write("HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\nfive5");
  });
  await using poster = openPoster({ clock, maxSockets: 1 });
  let isSettled = false;

  const posted = poster.post(post(peer.origin)).finally(() => {
    isSettled = true;
  });
  const socket = await arrived;
  await until(() => clock.waiting === 2); // the wall clock of all, and what the rest may take
  await until(turns(5));
  clock.advance(999);
  await until(turns(5));
  expect(isSettled).toBe(false);
  clock.advance(1);

  expect(await posted).toMatchObject({ kind: "answered", status: 202 });
  await closed(socket);
});

test.each(["FIN", "RST", "disposing"])(
  "from half on the status stands though the connection breaks off (%s)",
  async (how) => {
    const clock = new TestClock(start);
    const { socket: accepted, arrived } = firstSocket();
    await using peer = await openRawPeer((socket) => {
      socket.write("HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\nfive5", () => accepted(socket));
    });
    await using poster = openPoster({ maxSockets: 1, clock });

    const posted = poster.post(post(peer.origin));
    const socket = await arrived;
    await until(() => clock.waiting === 2);
    if (how === "FIN") socket.end();
    else if (how === "RST") socket.resetAndDestroy();
    else await poster[Symbol.asyncDispose]();

    expect(await posted).toMatchObject({ status: 202 });
    await poster[Symbol.asyncDispose]();
    expect(clock.waiting).toBe(0);
  },
);

test("failures of all kinds, many times over, leave room for all that may be open", async () => {
  onTestFinished(trustTestCertificate());
  const clock = new TestClock(start);
  const held: Socket[] = [];
  await using mute = await openRawPeer((socket) => held.push(socket));
  await using rude = await openRawPeer((socket) => socket.resetAndDestroy());
  await using broken = await openRawPeer((socket) => socket.end("no HTTP\r\n"));
  await using untrusted = await openSecurePeer((_request, response) => response.end());
  await using poster = openPoster({ clock, maxSockets: 2, resolve: async () => ["127.0.0.1"] });
  const urls = [
    rude.origin,
    broken.origin,
    `https://other.example:${untrusted.port}`,
    "http://10.0.0.1/",
    `http://127.0.0.1:${await closedPort()}`,
  ];

  for (let i = 0; i < 10; i += 1) {
    for (const url of urls) expect(await poster.post(post(url))).toMatchObject({ kind: "failed" });
    const overdue = poster.post(post(mute.origin));
    await until(() => held.length === 1);
    clock.advance(15_000);
    expect(await overdue).toMatchObject({ reason: "timeout" });
    held.length = 0;
  }

  const both = [poster.post(post(mute.origin)), poster.post(post(mute.origin))];
  await until(() => held.length === 2);
  for (const socket of held) socket.end("HTTP/1.1 204 No Content\r\n\r\n");
  expect(await Promise.all(both)).toMatchObject([{ status: 204 }, { status: 204 }]);
});
