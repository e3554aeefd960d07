import { createServer } from "node:https";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Resolve } from "../../src/outbound/guarded-lookup.ts";
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
  post,
} from "./peers.ts";
import { testCertificate, testKey, trustTestCertificate } from "./test-certificate.ts";

const start = new Date("2026-01-01T00:00:00Z");

test.each(["http://127.0.0.1", "http://[::1]", "http://2130706433", "http://[::ffff:127.0.0.1]", "https://127.0.0.1"])(
  "the literal %s is not dialled, although nothing resolves it",
  async (base) => {
    await using peer = await openPoliteHost();
    await using poster = openPoster({ allowCidrs: [] });

    expect(await poster.post(post(`${base}:${peer.port}/`))).toMatchObject({ kind: "failed", reason: "forbidden" });
    expect(peer.connections()).toBe(0);
  },
);

test("a blocked port is not dialled", async () => {
  await using poster = openPoster();

  expect(await poster.post(post("http://127.0.0.1:25/"))).toMatchObject({ kind: "failed", reason: "forbidden" });
});

test.each([
  { name: "mixed.example", answers: ["127.0.0.1", "10.0.0.1"] },
  { name: "private.example", answers: ["10.0.0.1"] },
  { name: "localhost", answers: ["127.0.0.1", "1.1.1.1"] },
])("a name is refused as a whole for one bad answer ($name: $answers)", async ({ name, answers }) => {
  await using peer = await openPoliteHost();
  await using poster = openPoster({ resolve: async () => answers });

  expect(await poster.post(post(`http://${name}:${peer.port}/`))).toMatchObject({
    kind: "failed",
    reason: "forbidden",
  });
  expect(peer.connections()).toBe(0);
});

test("a name that turns bad after a good answer is refused at its next connection, and serves until then", async () => {
  await using peer = await openPeer((request, response) => {
    if (request.url === "/last") response.setHeader("connection", "close");
    response.end();
  });
  const answers = [["127.0.0.1"], ["127.0.0.1"], ["127.0.0.2"]];
  const resolve = vi.fn<Resolve>(async () => answers.shift() ?? []);
  await using poster = openPoster({ allowCidrs: ["127.0.0.1/32"], resolve });
  const url = `http://rebind.example:${peer.port}`;

  await meet(poster, peer, url);
  for (const path of ["/", "/", "/last"]) expect(await poster.post(post(url + path))).toMatchObject({ status: 200 });
  expect(resolve).toHaveBeenCalledTimes(2); // what was judged is what is dialled: nobody asks again
  await until(() => peer.open() === 0);
  expect(await poster.post(post(url))).toMatchObject({ kind: "failed", reason: "forbidden" });
  expect(peer.connections()).toBe(2);
});

test.each([
  { code: "ENOTFOUND", reason: "unresolved" },
  { code: "EAI_AGAIN", reason: "exhausted" },
])("a resolver that says $code: $reason", async ({ code, reason }) => {
  await using poster = openPoster({ resolve: () => Promise.reject(Object.assign(new Error("no"), { code })) });

  const answer = await poster.post(post("http://a.example/?secret"));

  expect(answer).toMatchObject({ kind: "failed", reason });
  expect(answer).toHaveProperty("detail", expect.not.stringContaining("secret"));
});

test("where nobody listens a POST is refused, and so are those that wait behind it", async () => {
  const port = await closedPort();
  await using poster = openPoster({ connectionsPerOrigin: 1, clock: new TestClock(start) });

  const refused = { kind: "failed", reason: "refused", detail: "no connection to the peer (ECONNREFUSED)" };
  const posted = Array.from({ length: 50 }, () => poster.post(post(`http://127.0.0.1:${port}/`)));
  for (const answer of await Promise.all(posted)) expect(answer).toEqual(refused);
});

test("the connect limit covers name resolution, and those that wait behind it come next", async () => {
  const clock = new TestClock(start);
  const answers: (() => Promise<readonly string[]>)[] = [() => new Promise(() => {}), async () => ["127.0.0.1"]];
  await using peer = await openPoliteHost();
  const resolve = () => answers.shift()?.() ?? Promise.resolve([]);
  await using poster = openPoster({ clock, resolve, connectionsPerOrigin: 1 });
  const url = `http://a.example:${peer.port}/`;

  const posted = [poster.post(post(url)), poster.post(post(url))];
  clock.advance(5000);

  expect(await Promise.all(posted)).toMatchObject([{ reason: "timeout" }, { status: 200 }]);
});

test("a connection that comes when its POST is over is not kept", async () => {
  const clock = new TestClock(start);
  const { promise: resolved, resolve: giveAddress } = Promise.withResolvers<readonly string[]>();
  const answers = [Promise.resolve(["127.0.0.1"]), resolved];
  const held: Socket[] = [];
  await using peer = await openRawPeer((socket) => void held.push(socket));
  const resolve = () => answers.shift() ?? Promise.resolve([]);
  await using poster = openPoster({ clock, connectionsPerOrigin: 1, resolve });

  const ahead = poster.post(post(`http://a.example:${peer.port}/`));
  await until(() => held.length === 1);
  clock.advance(1000);
  const behind = poster.post(post(`http://a.example:${peer.port}/`));
  clock.advance(13_000);
  held[0]?.end("HTTP/1.0 204 No Content\r\n\r\n"); // a second before the end of the other's wall clock, which now dials
  expect(await ahead).toMatchObject({ status: 204 });
  await until(() => answers.length === 0);
  clock.advance(2000);
  expect(await behind).toMatchObject({ reason: "timeout" });
  giveAddress(["127.0.0.1"]);
  await until(() => peer.connections() === 2 && peer.open() === 0);

  expect(held).toHaveLength(1); // nothing was sent over it
  await poster[Symbol.asyncDispose]();
  expect(clock.waiting).toBe(0);
});

test("the connect limit ends a TLS handshake that never comes, and its socket", async () => {
  const clock = new TestClock(start);
  const { socket: accepted, arrived } = firstSocket();
  await using peer = await openRawPeer(accepted);
  await using poster = openPoster({ clock });

  const posted = poster.post(post(`https://127.0.0.1:${peer.port}/`));
  const socket = await arrived;
  clock.advance(5000);

  expect(await posted).toMatchObject({ kind: "failed", reason: "timeout" });
  await closed(socket);
});

test("TLS with a trusted certificate works by name, by fully qualified name and by address, over kept connections", async () => {
  onTestFinished(trustTestCertificate());
  await using peer = await openSecurePeer((_request, response) => response.end("secure"));
  await using poster = openPoster({ resolve: async () => ["127.0.0.1"] });

  for (const host of ["tls.example", "tls.example.", "127.0.0.1"]) {
    await meet(poster, peer, `https://${host}:${peer.port}/`);
    for (let i = 0; i < 3; i += 1) {
      expect(await poster.post(post(`https://${host}:${peer.port}/`))).toMatchObject({ status: 200 });
      await until(turns(3));
    }
  }
  expect(peer.connections()).toBe(6);
});

test("a new TLS connection resumes the session of the one before, also after a garbage collection", async () => {
  onTestFinished(trustTestCertificate());
  const resumed: boolean[] = [];
  const server = createServer({ cert: testCertificate, key: testKey }, (request, response) => {
    resumed.push((request.socket as TLSSocket).isSessionReused());
    response.setHeader("connection", "close").end();
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  await using poster = openPoster({ connectionsPerOrigin: 1 });
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  for (let i = 0; i < 3; i += 1) {
    expect(await poster.post(post(url))).toMatchObject({ status: 200 });
    await collectGarbage();
  }

  expect(resumed).toEqual([false, true, true]);
});

test("a certificate for another name is a TLS failure, for each of many", async () => {
  onTestFinished(trustTestCertificate());
  await using peer = await openSecurePeer((_request, response) => response.end());
  await using poster = openPoster({ resolve: async () => ["127.0.0.1"], connectionsPerOrigin: 2 });

  const url = `https://other.example:${peer.port}/`;
  const answers = await Promise.all(Array.from({ length: 10 }, () => poster.post(post(url))));

  for (const answer of answers) expect(answer).toMatchObject({ kind: "failed", reason: "tls" });
});

test("an untrusted certificate is a TLS failure, whatever NODE_TLS_REJECT_UNAUTHORIZED says", async () => {
  vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
  onTestFinished(() => void vi.unstubAllEnvs());
  await using peer = await openSecurePeer((_request, response) => response.end());
  await using poster = openPoster();

  const answer = await poster.post(post(`${peer.origin}/?secret`));

  expect(answer).toMatchObject({ kind: "failed", reason: "tls" });
  expect(answer).toHaveProperty("detail", expect.stringContaining("DEPTH_ZERO_SELF_SIGNED_CERT"));
});

test.each([
  { what: "speaks plain HTTP", answer: "HTTP/1.1 400 Bad Request\r\n\r\n" },
  { what: "hangs up in the handshake", answer: "" },
])("a peer that $what is a TLS failure", async ({ answer }) => {
  await using peer = await openRawPeer((socket) => socket.end(answer));
  await using poster = openPoster();

  expect(await poster.post(post(`https://127.0.0.1:${peer.port}/`))).toMatchObject({ kind: "failed", reason: "tls" });
});

test("TLS sockets that are destroyed at any moment do no harm", async () => {
  onTestFinished(trustTestCertificate());
  await using peer = await openSecurePeer((request) => void request.resume());
  const answers = await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      const poster = openPoster();
      const posted = poster.post({ ...post(`${peer.origin}/`), body: Buffer.alloc(1_000_000) });
      await until(turns(i));
      await poster[Symbol.asyncDispose]();
      return posted;
    }),
  );

  for (const answer of answers) expect(answer).toMatchObject({ kind: "failed", reason: "aborted" });
  await until(() => peer.open() === 0);
});

test("proxies of the environment are ignored", async () => {
  await using proxy = await openPoliteHost();
  await using peer = await openPoliteHost();
  for (const name of ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"]) vi.stubEnv(name, proxy.origin);
  vi.stubEnv("NODE_USE_ENV_PROXY", "1");
  onTestFinished(() => void vi.unstubAllEnvs());
  await using poster = openPoster();

  expect(await poster.post(post(peer.origin))).toMatchObject({ status: 200 });
  expect(proxy.connections()).toBe(0);
});

test("a bad network is refused when the poster is made", () => {
  expect(() => openPoster({ allowCidrs: ["loopback"] })).toThrow("is not a network");
});

/** What is weakly held is gone after it. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  await until(turns(2)); // a WeakRef lives on to the end of its turn
  collect();
}
