import type { Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Resolve } from "../../src/outbound/guarded-lookup.ts";
import { TestClock } from "../support/test-clock.ts";
import { closed, closedPort, get, openOutbound, openPeer, openRawPeer, openSecurePeer } from "./peers.ts";
import { trustTestCertificate } from "./test-certificate.ts";

const start = new Date("2026-01-01T00:00:00Z");

test.each(["http://127.0.0.1", "http://[::1]", "http://2130706433", "http://[::ffff:127.0.0.1]", "https://127.0.0.1"])(
  "the literal %s is not dialled, although nothing resolves it",
  async (base) => {
    await using peer = await openPeer((_request, response) => response.end());
    await using outbound = openOutbound({ allowCidrs: [] });

    const answer = await outbound.exchange(get(`${base}:${peer.port}/`));

    expect(answer).toMatchObject({ kind: "failed", reason: "forbidden" });
    expect(answer).toHaveProperty(
      "detail",
      expect.stringMatching(/^the address .* CARILLON_ALLOW_CIDRS opens exceptions$/),
    );
    expect(peer.connections()).toBe(0);
  },
);

test("an opened literal is dialled, mapped or not", async () => {
  await using peer = await openPeer((_request, response) => response.end());
  await using outbound = openOutbound();

  expect(await outbound.exchange(get(peer.origin))).toMatchObject({ status: 200 });
  expect(await outbound.exchange(get(`http://[::ffff:127.0.0.1]:${peer.port}/`))).toMatchObject({ status: 200 });
});

test("a blocked port is not dialled", async () => {
  await using outbound = openOutbound();

  expect(await outbound.exchange(get("http://127.0.0.1:25/"))).toMatchObject({ kind: "failed", reason: "forbidden" });
});

test.each([
  { name: "mixed.example", answers: ["127.0.0.1", "10.0.0.1"] },
  { name: "private.example", answers: ["10.0.0.1"] },
  { name: "nonsense.example", answers: ["0x7f.1"] },
  { name: "localhost", answers: ["127.0.0.1", "1.1.1.1"] },
])("a name is refused as a whole for one bad answer ($name: $answers)", async ({ name, answers }) => {
  await using peer = await openPeer((_request, response) => response.end());
  await using outbound = openOutbound({ resolve: async () => answers });

  expect(await outbound.exchange(get(`http://${name}:${peer.port}/`))).toEqual({
    kind: "failed",
    reason: "forbidden",
    detail: `the name ${name} resolves to an address that is not public; CARILLON_ALLOW_CIDRS opens exceptions`,
  });
  expect(peer.connections()).toBe(0);
});

test("a forbidden name is not even resolved while nothing is opened", async () => {
  const resolve = vi.fn<Resolve>(async () => ["1.1.1.1"]);
  await using outbound = openOutbound({ allowCidrs: [], resolve });

  expect(await outbound.exchange(get("http://metadata.google.internal/"))).toMatchObject({ reason: "forbidden" });
  expect(resolve).not.toHaveBeenCalled();
});

test("a name that turns bad after a good answer is refused at its next connection", async () => {
  await using peer = await openPeer((_request, response) => response.setHeader("connection", "close").end());
  const answers = [["127.0.0.1"], ["127.0.0.2"]];
  const resolve = vi.fn<Resolve>(async () => answers.shift() ?? []);
  await using outbound = openOutbound({ allowCidrs: ["127.0.0.1/32"], resolve });
  const request = get(`http://rebind.example:${peer.port}/`);

  expect(await outbound.exchange(request)).toMatchObject({ kind: "answered", status: 200 });
  expect(resolve).toHaveBeenCalledTimes(1); // what was judged is what is dialled: nobody asks again
  expect(await outbound.exchange(request)).toMatchObject({ kind: "failed", reason: "forbidden" });
  expect(peer.connections()).toBe(1);
});

test("localhost works by the hosts file or the system, once its networks are opened", async () => {
  await using peer = await openPeer((_request, response) => response.end());
  await using outbound = openOutbound({ allowCidrs: ["127.0.0.0/8", "::1/128"] });

  expect(await outbound.exchange(get(`http://localhost:${peer.port}/`))).toMatchObject({ status: 200 });
});

test("the next address is tried when one refuses", async () => {
  await using peer = await openPeer((_request, response) => response.end());
  await using outbound = openOutbound({ resolve: async () => ["127.0.0.2", "127.0.0.1"] });

  expect(await outbound.exchange(get(`http://two.example:${peer.port}/`))).toMatchObject({ status: 200 });
});

test("refused by every address is refused", async () => {
  const port = await closedPort();
  await using outbound = openOutbound({ resolve: async () => ["127.0.0.2", "127.0.0.1"] });

  expect(await outbound.exchange(get(`http://two.example:${port}/`))).toEqual({
    kind: "failed",
    reason: "refused",
    detail: "no connection to the peer (ECONNREFUSED)",
  });
});

test.each([
  { code: "ENOTFOUND", reason: "unresolved" },
  { code: "ENODATA", reason: "unresolved" },
  { code: "EAI_AGAIN", reason: "exhausted" },
  { code: "EMFILE", reason: "exhausted" },
])("a resolver that says $code: $reason", async ({ code, reason }) => {
  await using outbound = openOutbound({ resolve: () => Promise.reject(Object.assign(new Error("no"), { code })) });

  const answer = await outbound.exchange(get("http://a.example/?secret"));

  expect(answer).toMatchObject({ kind: "failed", reason });
  expect(answer).toHaveProperty("detail", expect.stringContaining(`a.example`));
  expect(answer).toHaveProperty("detail", expect.not.stringContaining("secret"));
});

test("a name without addresses is unresolved", async () => {
  await using outbound = openOutbound({ resolve: async () => [] });

  expect(await outbound.exchange(get("http://a.example/"))).toMatchObject({ kind: "failed", reason: "unresolved" });
});

test("the connect limit and the wall clock both cover name resolution", async () => {
  const clock = new TestClock(start);
  await using outbound = openOutbound({ clock, resolve: () => new Promise(() => {}) });

  const patient = outbound.exchange(get("http://a.example/", { wallClockMs: 10_000 }));
  const hasty = outbound.exchange(get("http://b.example/", { wallClockMs: 3_000 }));
  clock.advance(3_000);
  expect(await hasty).toMatchObject({ kind: "failed", reason: "timeout", detail: "not done within 3 s" });
  clock.advance(2_000);

  expect(await patient).toMatchObject({ kind: "failed", reason: "timeout", detail: "no connection within 5 s" });
  expect(clock.waiting).toBe(0);
});

test("the connect limit ends a TLS handshake that never comes, and its socket", async () => {
  const clock = new TestClock(start);
  const { promise: arrived, resolve: accept } = Promise.withResolvers<Socket>();
  await using peer = await openRawPeer((socket) => accept(socket));
  await using outbound = openOutbound({ clock });

  const exchange = outbound.exchange(get(`https://127.0.0.1:${peer.port}/`));
  const socket = await arrived;
  clock.advance(5_000);

  expect(await exchange).toMatchObject({ kind: "failed", reason: "timeout" });
  await closed(socket);
});

test("TLS with a trusted certificate works by name, by fully qualified name and by address", async () => {
  onTestFinished(trustTestCertificate());
  await using peer = await openSecurePeer((_request, response) => response.end("secure"));
  await using outbound = openOutbound({ resolve: async () => ["127.0.0.1"] });

  for (const host of ["tls.example", "tls.example.", "127.0.0.1"]) {
    const answer = await outbound.exchange(get(`https://${host}:${peer.port}/`));
    expect(answer).toMatchObject({ kind: "answered", status: 200, body: Buffer.from("secure") });
  }
});

test("a certificate for another name is a TLS failure, for each of many", async () => {
  onTestFinished(trustTestCertificate());
  await using peer = await openSecurePeer((_request, response) => response.end());
  await using outbound = openOutbound({ resolve: async () => ["127.0.0.1"], connectionsPerOrigin: 2 });

  const request = get(`https://other.example:${peer.port}/`);
  const answers = await Promise.all(Array.from({ length: 10 }, () => outbound.exchange(request)));

  for (const answer of answers) expect(answer).toMatchObject({ kind: "failed", reason: "tls" });
});

test("an untrusted certificate is a TLS failure, whatever NODE_TLS_REJECT_UNAUTHORIZED says", async () => {
  vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
  onTestFinished(() => void vi.unstubAllEnvs());
  await using peer = await openSecurePeer((_request, response) => response.end());
  await using outbound = openOutbound();

  const answer = await outbound.exchange(get(`${peer.origin}/?secret`));

  expect(answer).toMatchObject({ kind: "failed", reason: "tls" });
  expect(answer).toHaveProperty("detail", expect.stringContaining("DEPTH_ZERO_SELF_SIGNED_CERT"));
});

test.each([
  { what: "speaks plain HTTP", answer: "HTTP/1.1 400 Bad Request\r\n\r\n" },
  { what: "hangs up in the handshake", answer: "" },
])("a peer that $what is a TLS failure", async ({ answer }) => {
  await using peer = await openRawPeer((socket) => socket.end(answer));
  await using outbound = openOutbound();

  expect(await outbound.exchange(get(`https://127.0.0.1:${peer.port}/`))).toMatchObject({
    kind: "failed",
    reason: "tls",
  });
});

test("proxies of the environment are ignored", async () => {
  await using proxy = await openPeer((_request, response) => response.end("proxy"));
  await using peer = await openPeer((_request, response) => response.end("peer"));
  for (const name of ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"]) vi.stubEnv(name, proxy.origin);
  vi.stubEnv("NODE_USE_ENV_PROXY", "1");
  onTestFinished(() => void vi.unstubAllEnvs());
  await using outbound = openOutbound();

  expect(await outbound.exchange(get(peer.origin))).toMatchObject({ body: Buffer.from("peer") });
  expect(proxy.connections()).toBe(0);
});

test("a bad network is refused when the outbound is made", () => {
  expect(() => openOutbound({ allowCidrs: ["loopback"] })).toThrow("is not a network");
});
