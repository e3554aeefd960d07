import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { closed, get, openOutbound, openPoliteHost, openRawPeer, openSlowHost, type Peer } from "./peers.ts";

function connectionHeaders(peer: { readonly requests: readonly IncomingMessage[] }): (string | undefined)[] {
  return peer.requests.map((request) => request.headers.connection);
}

test("while less than half of the connections are open they are kept; from half on, closed after the answer", async () => {
  await using first = await openPoliteHost();
  await using second = await openPoliteHost();
  await using third = await openPoliteHost();
  await using outbound = openOutbound({ maxSockets: 4 });

  for (const peer of [first, first, second]) await outbound.exchange(get(peer.origin));
  expect([connectionHeaders(first), connectionHeaders(second)]).toEqual([["keep-alive", "keep-alive"], ["keep-alive"]]);
  expect(first.connections()).toBe(1);

  for (let i = 1; i <= 3; i += 1) {
    expect(await outbound.exchange(get(third.origin))).toMatchObject({ status: 200, body: Buffer.from("thank you") });
    expect(third.connections()).toBe(i);
  }
  expect(connectionHeaders(third)).toEqual(["close", "close", "close"]);
});

test("a kept connection is closed too when it is used meanwhile, which makes room to keep others", async () => {
  await using first = await openPoliteHost();
  await using second = await openPoliteHost();
  await using outbound = openOutbound({ maxSockets: 2 });

  for (const peer of [first, first, second, second]) await outbound.exchange(get(peer.origin));

  expect(connectionHeaders(first)).toEqual(["keep-alive", "close"]);
  expect(first.connections()).toBe(1);
  expect(connectionHeaders(second)).toEqual(["keep-alive", "close"]);
});

test("the connection is closed by the hub, though the peer would keep it", async () => {
  const { promise: arrived, resolve: accept } = Promise.withResolvers<Socket>();
  await using peer = await openRawPeer((socket) => {
    accept(socket);
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok");
  });
  await using outbound = openOutbound({ maxSockets: 1 });

  expect(await outbound.exchange(get(peer.origin))).toMatchObject({ status: 200, complete: true });
  await closed(await arrived);
});

test.each([1, 2])(
  "requests that wait for a connection that is closed get one of their own (%i at a time)",
  async (limit) => {
    await using idle = await openPoliteHost();
    await using peer = await openPoliteHost();
    await using outbound = openOutbound({ maxSockets: limit + 1, connectionsPerOrigin: limit });
    await outbound.exchange(get(idle.origin)); // of two or three, one is taken from now on
    const request = get(`${peer.origin}/cb`);

    const answers = await Promise.all(Array.from({ length: 20 }, () => outbound.exchange(request)));

    expect(answers.map((answer) => answer.kind)).toEqual(Array(20).fill("answered"));
    expect(new Set(connectionHeaders(peer))).toEqual(new Set(["close"]));
    expect(peer.connections()).toBe(20);
  },
);

test("whether a connection is kept is decided when a waiting request gets it", async () => {
  await using slow = await openSlowHost();
  await using peer = await openSlowHost();
  await using outbound = openOutbound({ maxSockets: 4, connectionsPerOrigin: 1 });

  const ahead = outbound.exchange(get(peer.origin));
  const behind = outbound.exchange(get(peer.origin)); // one open of four, but it waits
  const others = outbound.exchange(get(slow.origin));
  await until(() => peer.waiting.length === 1 && slow.waiting.length === 1);
  peer.answer();
  await ahead;
  await until(() => peer.waiting.length === 1);

  expect(peer.waiting[0]?.req.headers.connection).toBe("close"); // two of four
  for (const host of [peer, slow]) host.answer();
  expect(await Promise.all([behind, others])).toMatchObject([{ status: 200 }, { status: 200 }]);
});

test("at the limit nothing is dialled: a fault of our own; what is open still serves", async () => {
  await using kept = await openPoliteHost();
  await using slow = await openSlowHost();
  await using peer = await openPoliteHost();
  await using outbound = openOutbound({ maxSockets: 3 });
  await outbound.exchange(get(kept.origin));
  const running = [1, 2].map(() => outbound.exchange(get(slow.origin)));
  await until(() => slow.waiting.length === 2);

  const refused = { kind: "failed", reason: "exhausted", detail: "the hub has as many connections open as it may (3)" };
  const answers = await Promise.all([1, 2, 3].map(() => outbound.exchange(get(peer.origin))));
  expect(answers).toEqual([refused, refused, refused]);
  expect(peer.connections()).toBe(0);
  expect(await outbound.exchange(get("http://10.0.0.1/"))).toMatchObject({ reason: "forbidden" }); // whose fault comes first

  expect(await outbound.exchange(get(kept.origin))).toMatchObject({ status: 200 });
  expect(kept.connections()).toBe(1);
  expect(await outbound.exchange(get(peer.origin))).toMatchObject({ status: 200 }); // in the place of the one just closed

  slow.answer();
  expect(await Promise.all(running)).toMatchObject([{ status: 200 }, { status: 200 }]);
});

test("without a limit all are kept", async () => {
  await using peer = await openPoliteHost();
  await using outbound = openOutbound({ maxSockets: Infinity });

  for (let i = 0; i < 3; i += 1) await outbound.exchange(get(peer.origin));

  expect(connectionHeaders(peer)).toEqual(["keep-alive", "keep-alive", "keep-alive"]);
});

test("half as many exchanges as connections never find all taken, whatever is idle elsewhere", async () => {
  await using stack = new AsyncDisposableStack();
  const peers: Peer[] = [];
  for (let i = 0; i < 24; i += 1) peers.push(stack.use(await openPoliteHost()));
  const outbound = stack.use(openOutbound({ maxSockets: 8 }));
  let next = 0;

  async function sendOn(): Promise<string[]> {
    const kinds: string[] = [];
    for (let i = 0; i < 100; i += 1) {
      next += i % 3 === 0 ? 0 : 1; // now and then an origin that was served just now
      const { origin = "" } = peers[next % peers.length] ?? {};
      const answer = await outbound.exchange(get(origin));
      kinds.push(answer.kind === "failed" ? answer.reason : answer.kind);
    }
    return kinds;
  }
  const kinds = await Promise.all([sendOn(), sendOn(), sendOn(), sendOn()]);

  expect(new Set(kinds.flat())).toEqual(new Set(["answered"]));
});
