import { threadCpuUsage } from "node:process";
import type { Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";

import { get, openOutbound, openPeer, openRawPeer, openSecurePeer } from "./peers.ts";
import { trustTestCertificate } from "./test-certificate.ts";

// What publishers and callbacks may send to have the hub read for ever, or to have it read what was never meant.

const ok = "HTTP/1.1 200 OK\r\n";
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`;
const tooLarge = "the header fields of the answer are too large";
const notHttp = "the answer is not valid HTTP";
const brokenOff = "the peer broke off: it closed the connection amid its answer";

test.each([
  { what: "header fields without end", answer: `${ok}${"a:\r\n".repeat(60_000)}`, detail: tooLarge },
  { what: "a head of 64 KB", answer: `${ok}X: ${"y".repeat(64_000)}\r\n\r\n`, detail: tooLarge },
  { what: "20,000 fields", answer: `${ok}${"X: y\r\n".repeat(20_000)}\r\n`, detail: tooLarge },
  { what: "257 fields", answer: `${ok}${"X:\r\n".repeat(257)}\r\n`, detail: tooLarge },
  { what: "103s without end", answer: "HTTP/1.1 103 E\r\n\r\n".repeat(10_000), detail: tooLarge },
  { what: "trailers of 1 MB", answer: `${chunked}0\r\n${"x: y\r\n".repeat(170_000)}\r\n`, detail: tooLarge },
  { what: "a trailer of 1 MB", answer: `${chunked}0\r\nx: ${"y".repeat(1_000_000)}\r\n\r\n`, detail: notHttp },
  { what: "a chunk extension of 1 MB", answer: `${chunked}1;${"a".repeat(1_000_000)}\r\nx\r\n`, detail: notHttp },
  { what: "a huge chunk size", answer: `${chunked}fffffffffffffffff\r\nx\r\n0\r\n\r\n`, detail: notHttp },
  { what: "a chunk of 4 GB that breaks off", answer: `${chunked}ffffffff\r\nx`, detail: brokenOff },
  { what: "a chunk size below nothing", answer: `${chunked}-1\r\nx\r\n0\r\n\r\n`, detail: notHttp },
  { what: "a chunk without its CRLF", answer: `${chunked}1\r\nx0\r\n\r\n`, detail: notHttp },
  { what: "a chunk that ends in LF", answer: `${chunked}1\r\nx\n0\r\n\r\n`, detail: notHttp },
  { what: "no last chunk", answer: `${chunked}1\r\nx\r\n`, detail: brokenOff },
  { what: "no end of the trailers", answer: `${chunked}0\r\nx: y\r\n`, detail: brokenOff },
  {
    what: "a length it has not",
    answer: `${ok}Content-Length: 2\r\n\r\nx`,
    detail: "the body is not as long as Content-Length says",
  },
  { what: "a body in a coding nobody asked for", answer: `${ok}Transfer-Encoding: gzip\r\n\r\nx`, detail: notHttp },
  {
    what: "half a head",
    answer: `${ok}X: y\r\n`,
    detail: "the peer broke off: it closed the connection without an answer",
  },
])("$what is a failure of the peer", async ({ answer, detail }) => {
  await using peer = await openRawPeer((socket) => socket.end(answer, "latin1"));
  await using outbound = openOutbound();

  expect(await outbound.exchange(get(peer.origin))).toEqual({ kind: "failed", reason: "broken", detail });
});

test("256 fields are read, extensions of chunks and trailers are passed over", async () => {
  const fields = Array.from({ length: 255 }, (_, i) => `x-${i}: ${i}\r\n`).join("");
  await using peer = await openRawPeer((socket) => {
    socket.end(
      `${ok}${fields}${chunked.slice(ok.length)}2;a="b"\r\nhe\r\n3\r\nllo\r\n0;c\r\nx-0: other\r\nx-sum: 1\r\n\r\n`,
    );
  });
  await using outbound = openOutbound();

  const answer = await outbound.exchange(get(peer.origin));

  expect(answer).toMatchObject({ status: 200, complete: true, body: Buffer.from("hello") });
  const headers = answer.kind === "answered" ? answer.headers : {};
  expect(Object.keys(headers)).toHaveLength(256);
  expect([headers["x-0"], headers["x-254"], headers["x-sum"]]).toEqual(["0", "254", undefined]);
});

test.each(["http", "https"])("a body without a length ends when the peer closes (%s)", async (scheme) => {
  onTestFinished(trustTestCertificate());
  const open = scheme === "http" ? openPeer : openSecurePeer;
  await using peer = await open(({ socket }) => socket.end(`${ok}\r\nhello`));
  await using outbound = openOutbound({ resolve: async () => ["127.0.0.1"] });

  const answer = await outbound.exchange(get(`${scheme}://tls.example:${peer.port}/`));

  expect(answer).toMatchObject({ complete: true, body: Buffer.from("hello") });
});

test.each([
  { what: "without a length", answer: `${ok}\r\nhello` },
  { what: "with one", answer: `${ok}Content-Length: 10\r\n\r\nhello` },
  { what: "in chunks", answer: `${chunked}5\r\nhello\r\n` },
])("a body $what that is cut off by a reset is none", async ({ answer }) => {
  const { promise: isRead, resolve: tellRead } = Promise.withResolvers<void>();
  await using peer = await openRawPeer((socket) => {
    socket.write(answer);
    void isRead.then(() => socket.resetAndDestroy());
  });
  await using outbound = openOutbound();
  const makeRoom = () => {
    tellRead();
    return true;
  };

  expect(await outbound.exchange(get(peer.origin, { makeRoom }))).toEqual({
    kind: "failed",
    reason: "broken",
    detail: "the exchange broke off (ECONNRESET)",
  });
});

/** What one turn of the event loop may cost. Measured: the dearest of these a third of it. */
const mostMs = 50;

test.each([
  { what: "header fields without end", answer: `${ok}${"a:\r\n".repeat(10_000)}` },
  { what: "thousands of fields", answer: `${ok}${"a:\r\n".repeat(4000)}\r\n` },
  { what: "as many fields as are read", answer: `${ok}${"a:\r\n".repeat(255)}Content-Length: 0\r\n\r\n` },
  { what: "103s without end", answer: "HTTP/1.1 103\r\n\r\n".repeat(1000) },
  { what: "chunks of a byte", answer: `${chunked}${"1\r\nx\r\n".repeat(2000)}0\r\n\r\n` },
  { what: "short trailers", answer: `${chunked}0\r\n${"a:\r\n".repeat(4500)}\r\n` },
])("100 peers that send $what at once take no turn of the event loop for themselves", async ({ answer }) => {
  const waiting: Socket[] = [];
  await using peer = await openRawPeer((socket) => {
    waiting.push(socket);
    if (waiting.length === 100) for (const one of waiting.splice(0)) one.end(answer);
  });
  await using outbound = openOutbound({ connectionsPerOrigin: 100 });

  async function flood(): Promise<number> {
    using watch = watchTurns();
    const answers = await Promise.all(Array.from({ length: 100 }, () => outbound.exchange(get(peer.origin))));
    expect(new Set(answers.map(({ kind }) => kind)).size).toBe(1);
    return watch.longestMs();
  }

  expect(Math.min(await flood(), await flood(), await flood())).toBeLessThan(mostMs);
});

/** The dearest turn of the event loop meanwhile, in CPU time of this thread: what other programs do does not count. */
function watchTurns(): Disposable & { longestMs(): number } {
  let longest = 0;
  let last = threadCpuUsage();
  let next = setImmediate(turn);
  function turn(): void {
    const { user, system } = threadCpuUsage(last);
    longest = Math.max(longest, (user + system) / 1000);
    last = threadCpuUsage();
    next = setImmediate(turn);
  }
  return { longestMs: () => longest, [Symbol.dispose]: () => clearImmediate(next) };
}
