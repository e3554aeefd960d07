import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { get, openOutbound, openPeer, openRawPeer } from "./peers.ts";

test.each([
  { after: "/%7Euser/%2fa%2F?q=%27&x='y'", line: "/%7Euser/%2fa%2F?q=%27&x='y'" },
  { after: "/a/../b/./c//d", line: "/a/../b/./c//d" },
  { after: "", line: "/" },
  { after: "?q=1", line: "/?q=1" },
  { after: "/a#part", line: "/a" },
  { after: '/a?b=\\"<{|}>^`', line: '/a?b=\\"<{|}>^`' },
  { after: "/é?ü", line: "/%C3%A9?%C3%BC" },
  { after: "/a b", line: "/a%20b" },
  { after: "/a\r\nX: 1", line: "/aX:%201" },
])("the request target of $after is $line", async ({ after, line }) => {
  const heads: string[] = [];
  await using peer = await openRawPeer((socket, head) => {
    heads.push(head);
    socket.end("HTTP/1.1 204 No Content\r\n\r\n");
  });
  await using outbound = openOutbound();

  const answer = await outbound.exchange(get(peer.origin + after));

  expect(answer).toMatchObject({ kind: "answered", status: 204 });
  expect(heads[0]?.split("\r\n").slice(0, 2)).toEqual([`GET ${line} HTTP/1.1`, `host: 127.0.0.1:${peer.port}`]);
});

test("a request is its line, the host, the end of the connection and the headers as they were given, no more", async () => {
  const heads: string[] = [];
  await using peer = await openRawPeer((socket, head) => {
    heads.push(head);
    socket.end("HTTP/1.1 204 No Content\r\n\r\n");
  });
  await using outbound = openOutbound();

  await outbound.exchange(get(`${peer.origin}/a`, { headers: { Accept: "*/*", "If-None-Match": '"\xe9"' } }));

  const lines = ["GET /a HTTP/1.1", `host: 127.0.0.1:${peer.port}`, "connection: close", "Accept: */*"];
  expect(heads).toEqual([[...lines, 'If-None-Match: "\xe9"', "user-agent: Carillon", "", ""].join("\r\n")]);
});

test("the hub says who it is, unless the request does", async () => {
  const seen: (string | undefined)[] = [];
  await using peer = await openPeer((request, response) => {
    seen.push(request.headers["user-agent"]);
    response.end();
  });
  await using outbound = openOutbound({ userAgent: "Carillon/1.0" });

  await outbound.exchange(get(peer.origin));
  await outbound.exchange(get(peer.origin, { headers: { "User-Agent": "own" } }));

  expect(seen).toEqual(["Carillon/1.0", "own"]);
});

test("an answer has lower-case names and joins repeated fields", async () => {
  await using peer = await openRawPeer((socket) => {
    socket.end(
      "HTTP/1.1 200 OK\r\nLink: <a>\r\nLINK: <b>\r\n__proto__: p\r\nX: \xe9\r\nContent-Length: 2\r\n\r\nok",
      "latin1",
    );
  });
  await using outbound = openOutbound();

  const answer = await outbound.exchange(get(peer.origin));

  expect(answer).toMatchObject({ kind: "answered", status: 200, body: Buffer.from("ok"), complete: true });
  expect(answer.kind === "answered" && Object.entries(answer.headers)).toEqual([
    ["link", "<a>, <b>"],
    ["__proto__", "p"],
    ["x", "é"],
    ["content-length", "2"],
  ]);
});

test.each([
  { sent: 10, complete: true },
  { sent: 11, complete: false },
  { sent: 200_000, complete: false },
])("of $sent bytes with a limit of 10 come 10 (complete: $complete)", async ({ sent, complete }) => {
  await using peer = await openPeer((_request, response) => {
    response.write("0123456789".repeat(20_000).slice(0, sent));
    response.end();
  });
  await using outbound = openOutbound();

  const answer = await outbound.exchange(get(peer.origin, { maxBytes: 10 }));

  expect(answer).toMatchObject({ kind: "answered", status: 200, body: Buffer.from("0123456789"), complete });
});

test("a body in many chunks arrives whole", async () => {
  const piece = Buffer.from("carillon");
  await using peer = await openPeer((_request, response) => {
    for (let i = 0; i < 10_000; i += 1) response.write(piece);
    response.end();
  });
  await using outbound = openOutbound();

  const answer = await outbound.exchange(get(peer.origin));

  expect(answer).toMatchObject({ complete: true, body: Buffer.from("carillon".repeat(10_000)) });
});

test("a redirect is an answer, not followed", async () => {
  const paths: (string | undefined)[] = [];
  await using peer = await openPeer((request, response) => {
    paths.push(request.url);
    response.writeHead(302, { location: "/elsewhere" }).end();
  });
  await using outbound = openOutbound();

  const answer = await outbound.exchange(get(`${peer.origin}/here`));

  expect(answer).toMatchObject({ kind: "answered", status: 302, headers: { location: "/elsewhere" } });
  expect(paths).toEqual(["/here"]);
});

test("each exchange has a connection of its own, which the hub closes, though its peer would keep it", async () => {
  const heads: string[] = [];
  await using peer = await openRawPeer((socket, head) => {
    heads.push(head);
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok");
  });
  await using outbound = openOutbound();

  for (let i = 0; i < 4; i += 1) {
    expect(await outbound.exchange(get(peer.origin))).toMatchObject({ status: 200, complete: true });
  }
  await until(() => peer.open() === 0);
  expect(peer.connections()).toBe(4);
  expect(heads[0]).toContain("\r\nconnection: close\r\n");
});

test("no more connections are open to an origin than allowed; the rest wait", async () => {
  const waiting: ServerResponse[] = [];
  await using peer = await openPeer((_request, response) => void waiting.push(response));
  await using other = await openPeer((_request, response) => response.end());
  await using outbound = openOutbound({ connectionsPerOrigin: 3 });

  const answers = Promise.all(Array.from({ length: 30 }, () => outbound.exchange(get(peer.origin))));
  for (let round = 0; round < 10; round += 1) {
    await until(() => waiting.length === 3);
    expect(await outbound.exchange(get(other.origin))).toMatchObject({ status: 200 });
    expect([waiting.length, peer.open()]).toEqual([3, 3]);
    for (const held of waiting.splice(0)) held.end();
  }

  expect((await answers).filter((answer) => answer.kind === "failed")).toEqual([]);
  expect(peer.connections()).toBe(30);
});

test.each(["a\r\nb", "a\nb", "a\0b", "€"])(
  "a header value that cannot be sent (%j) is a failure and costs no connection",
  async (value) => {
    await using peer = await openPeer((_request, response) => response.end());
    await using outbound = openOutbound({ connectionsPerOrigin: 2 });

    for (let i = 0; i < 3; i += 1) {
      expect(await outbound.exchange(get(peer.origin, { headers: { "x-a": value } }))).toEqual({
        kind: "failed",
        reason: "broken",
        detail: "the value of the header x-a cannot be sent",
      });
    }
    expect(await outbound.exchange(get(peer.origin))).toMatchObject({ status: 200 });
  },
);

test.each(["Transfer-Encoding", "Content-Length", "Connection", "Host", "Upgrade", "Expect", "a b", ""])(
  "the header name %j is a failure",
  async (name) => {
    await using outbound = openOutbound();

    const answer = await outbound.exchange(get("http://127.0.0.1:9999/", { headers: { [name]: "1" } }));

    expect(answer).toMatchObject({ kind: "failed", reason: "broken" });
  },
);

test.each([
  { url: "not a url", reason: "broken" },
  { url: "http://", reason: "broken" },
  { url: "ftp://127.0.0.1/", reason: "forbidden" },
  { url: "data:text/plain,x", reason: "forbidden" },
])("the URL $url is a failure, never a throw", async ({ url, reason }) => {
  await using outbound = openOutbound();

  expect(await outbound.exchange(get(url))).toMatchObject({ kind: "failed", reason });
});
