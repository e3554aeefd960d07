import { expect, onTestFinished, test } from "vitest";

import { openDnsServer } from "../support/dns-server.ts";
import { openEgressProxy } from "../support/egress-proxy.ts";
import { TestClock } from "../support/test-clock.ts";
import { until } from "../support/until.ts";
import { createResolver } from "../../src/outbound/resolver.ts";
import {
  closedPort,
  get,
  openOutbound,
  openPeer,
  openPoliteHost,
  openPoster,
  openRawPeer,
  openSecurePeer,
  post,
} from "./peers.ts";
import { trustTestCertificate } from "./test-certificate.ts";

const start = new Date("2026-01-01T00:00:00Z");

/** Nobody here asks for a name: that is the proxy's. */
async function resolveNothing(): Promise<never> {
  throw new Error("a name was resolved");
}

test("what is read and what is posted goes through the tunnel, by name, over TLS too; what is posted over connections that are kept", async () => {
  onTestFinished(trustTestCertificate());
  await using proxy = await openEgressProxy();
  await using peer = await openPoliteHost();
  await using secure = await openSecurePeer((request, response) => response.end(request.method));
  const options = { allowCidrs: [], egressProxy: proxy.url, resolve: resolveNothing };
  await using outbound = openOutbound(options);
  await using poster = openPoster(options);

  for (const path of ["/1", "/2"]) {
    const answer = await outbound.exchange(get(`http://blog.example:${peer.port}${path}`));
    expect(answer).toMatchObject({ status: 200, body: Buffer.from("thank you") });
  }
  for (let i = 0; i < 3; i++) {
    expect(await poster.post(post(`http://reader.example:${peer.port}/`))).toMatchObject({ status: 200 });
  }
  expect(await outbound.exchange(get(`https://tls.example:${secure.port}/`))).toMatchObject({
    body: Buffer.from("GET"),
  });
  expect(await poster.post(post(`https://tls.example:${secure.port}/`))).toMatchObject({ status: 200 });

  expect(new Set(proxy.targets)).toEqual(
    new Set([`blog.example:${peer.port}`, `reader.example:${peer.port}`, `tls.example:${secure.port}`]),
  );
  expect(proxy.targets.filter((target) => target.startsWith("reader."))).toHaveLength(2);
  expect(proxy.credentials).toEqual(proxy.targets.map(() => undefined));
  expect(peer.requests.map(({ headers }) => headers.host)).toContain(`reader.example:${peer.port}`);
});

test("the peer's certificate is verified through the tunnel", async () => {
  await using proxy = await openEgressProxy();
  await using secure = await openSecurePeer((_request, response) => response.end());
  await using outbound = openOutbound({ egressProxy: proxy.url });
  await using poster = openPoster({ egressProxy: proxy.url });

  const url = `https://tls.example:${secure.port}/`;
  expect(await outbound.exchange(get(url))).toMatchObject({ kind: "failed", reason: "tls" });
  expect(await poster.post(post(url))).toMatchObject({ kind: "failed", reason: "tls" });
});

test.each([
  "http://127.0.0.1:8080/",
  "http://[::ffff:10.0.0.1]/",
  "http://169.254.169.254/",
  "http://localhost/",
  "http://metadata.google.internal/",
  "http://example.com:25/",
])("%s is refused before the proxy hears of it", async (url) => {
  await using proxy = await openEgressProxy();
  await using outbound = openOutbound({ allowCidrs: [], egressProxy: proxy.url });
  await using poster = openPoster({ allowCidrs: [], egressProxy: proxy.url });

  expect(await outbound.exchange(get(url))).toMatchObject({ reason: "forbidden" });
  expect(await poster.post(post(url))).toMatchObject({ reason: "forbidden" });
  expect(proxy.targets).toEqual([]);
});

test("opened networks open literals, but no forbidden name: where it leads to the proxy alone would know", async () => {
  await using proxy = await openEgressProxy();
  await using peer = await openPoliteHost();
  await using outbound = openOutbound({ egressProxy: proxy.url });

  expect(await outbound.exchange(get(`http://127.0.0.1:${peer.port}/`))).toMatchObject({ status: 200 });
  expect(await outbound.exchange(get(`http://localhost:${peer.port}/`))).toMatchObject({ reason: "forbidden" });
  expect(proxy.targets).toEqual([`127.0.0.1:${peer.port}`]);
});

test("IPv6 literals and the schemes' own ports are asked for as RFC 9110 spells them", async () => {
  await using proxy = await openEgressProxy("403 Forbidden");
  await using outbound = openOutbound({ egressProxy: proxy.url });

  for (const url of ["http://[2606:4700:4700::1111]/", "https://example.com/"]) await outbound.exchange(get(url));
  expect(proxy.targets).toEqual(["[2606:4700:4700::1111]:80", "example.com:443"]);
});

test("user and password are sent, unescaped", async () => {
  await using proxy = await openEgressProxy("403 Forbidden");
  await using outbound = openOutbound({ egressProxy: proxy.url.replace("//", "//hub:p%40ss@") });

  await outbound.exchange(get("http://example.com/"));
  expect(proxy.credentials).toEqual([`Basic ${Buffer.from("hub:p@ss").toString("base64")}`]);
});

test.each([
  { answer: "403 Forbidden", reason: "forbidden", detail: "the egress proxy refuses it (403)" },
  { answer: "407 Request Rejected by Proxy", reason: "forbidden", detail: "the egress proxy refuses it (407)" },
  {
    answer: "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic",
    reason: "exhausted",
    detail: "the egress proxy does not take the credentials of CARILLON_EGRESS_PROXY (407)",
  },
  { answer: "502 Bad Gateway", reason: "refused", detail: "the egress proxy could not reach the peer (502)" },
  { answer: "504 Gateway Timeout", reason: "timeout", detail: "the egress proxy had no answer from the peer (504)" },
  { answer: "301 Moved", reason: "exhausted", detail: "the egress proxy answered 301 to CONNECT" },
])("a proxy that answers $answer: $reason", async ({ answer, reason, detail }) => {
  await using proxy = await openEgressProxy(answer);
  await using outbound = openOutbound({ egressProxy: proxy.url });
  await using poster = openPoster({ egressProxy: proxy.url });

  expect(await outbound.exchange(get("https://example.com/"))).toEqual({ kind: "failed", reason, detail });
  expect(await poster.post(post("http://example.com/"))).toEqual({ kind: "failed", reason, detail });
});

test("a proxy that cannot be reached, hangs up or speaks no HTTP is our own fault", async () => {
  await using hangsUp = await openRawPeer((socket) => socket.end());
  await using babbles = await openRawPeer((socket) => socket.end("SSH-2.0-OpenSSH_9.9\r\n"));
  const details = ["ECONNREFUSED", "ECONNRESET", "HPE_INVALID_CONSTANT"];
  const ports = [await closedPort(), hangsUp.port, babbles.port];

  for (const [i, port] of ports.entries()) {
    await using outbound = openOutbound({ egressProxy: `http://127.0.0.1:${port}` });
    expect(await outbound.exchange(get("https://example.com/"))).toEqual({
      kind: "failed",
      reason: "exhausted",
      detail: `the hub could not use its egress proxy (${details[i]})`,
    });
  }
});

test("who speaks through the tunnel before it was asked is broken", async () => {
  await using proxy = await openRawPeer((socket) => socket.write("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"));
  await using poster = openPoster({ egressProxy: `http://127.0.0.1:${proxy.port}` });

  expect(await poster.post(post("http://example.com/"))).toMatchObject({ kind: "failed", reason: "broken" });
});

test("the connect limit covers the tunnel: a peer that the proxy waits for in vain has itself to blame", async () => {
  const clock = new TestClock(start);
  await using proxy = await openEgressProxy("silence");
  await using outbound = openOutbound({ clock, egressProxy: proxy.url });

  const exchange = outbound.exchange(get("https://example.com/"));
  await until(() => proxy.targets.length === 1);
  clock.advance(5_000);

  expect(await exchange).toMatchObject({ kind: "failed", reason: "timeout", detail: "no connection within 5 s" });
  expect(clock.waiting).toBe(0);
});

test("a proxy that is not reached within the connect limit is our own fault", async () => {
  const clock = new TestClock(start);
  const options = { clock, egressProxy: "http://proxy.example:3128", resolve: () => new Promise<never>(() => {}) };
  await using outbound = openOutbound(options);

  const exchange = outbound.exchange(get("https://example.com/"));
  clock.advance(5_000);

  expect(await exchange).toEqual({
    kind: "failed",
    reason: "exhausted",
    detail: "no connection to the egress proxy within 5 s",
  });
});

test("the proxy's own name is resolved, wherever it may lead; nothing else is", async () => {
  await using proxy = await openEgressProxy();
  await using peer = await openPeer((_request, response) => response.end());
  await using dns = await openDnsServer({ "proxy.internal": { addresses: ["127.0.0.1"] } });
  const resolve = createResolver({ clock: new TestClock(start), asksSystem: false, servers: [dns.address] });
  const egressProxy = proxy.url.replace("127.0.0.1", "proxy.internal");
  await using outbound = openOutbound({ allowCidrs: [], egressProxy, resolve });

  expect(await outbound.exchange(get(`http://blog.example:${peer.port}/`))).toMatchObject({ status: 200 });
  expect(dns.questions.toSorted()).toEqual(["A proxy.internal", "AAAA proxy.internal"]);
});
