import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { openPeer, openSecurePeer } from "../outbound/peers.ts";
import { testCertificate } from "../outbound/test-certificate.ts";
import { openEgressProxy } from "../support/egress-proxy.ts";
import { toSubscribe } from "../support/requests.ts";
import { until } from "../support/until.ts";
import { type Program, startProgram } from "./program.ts";

// Where the program goes, by what its environment says: its main thread for topics and verifications, its threads for deliveries.

const news = "news of the day";

/** Publisher and subscriber in one: confirms, serves `news` to who asks for nothing else, and keeps what is delivered to it. */
function openBoth(): { readonly listener: RequestListener; readonly delivered: string[] } {
  const delivered: string[] = [];
  const listener: RequestListener = (request, response) => {
    const challenge = new URL(request.url ?? "", "http://both.example").searchParams.get("hub.challenge");
    if (request.method === "GET") return void response.end(challenge ?? news);
    request.on("data", (chunk: Buffer) => void delivered.push(chunk.toString()));
    request.on("end", () => void response.writeHead(204).end());
  };
  return { listener, delivered };
}

/** NODE_EXTRA_CA_CERTS, where it is given, is a file with the test certificate. */
async function serve(env: Readonly<Record<string, string>>): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), "carillon-reach-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const certificate = join(folder, "authority.pem");
  await writeFile(certificate, testCertificate);
  const flags = ["--port=0", `--database-url=file:${join(folder, "hub.db")}`, "--fetch-min-interval-seconds=0"];
  const given = env["NODE_EXTRA_CA_CERTS"] === undefined ? {} : { NODE_EXTRA_CA_CERTS: certificate };
  return startProgram(["serve", ...flags], { ...env, ...given });
}

async function post(program: Program, form: Readonly<Record<string, string>>): Promise<number> {
  const [, url = ""] = /^hub +(\S+)/.exec(await program.line(/^hub /)) ?? [];
  return (await fetch(url, { method: "POST", body: new URLSearchParams(form) })).status;
}

/** What it wrote to standard error until it ended in order. */
async function stopped(program: Program): Promise<string> {
  program.signal("SIGTERM");
  const { code, complaint } = await program.ended;
  expect(code).toBe(0);
  return complaint;
}

test("NODE_EXTRA_CA_CERTS adds a private authority, for what the main thread reads and for what a thread delivers", async () => {
  const both = openBoth();
  await using peer = await openSecurePeer(both.listener);
  const networks = { CARILLON_ALLOW_CIDRS: "127.0.0.0/8", CARILLON_DELIVERY_THREADS: "1" };
  await using program = await serve({ ...networks, NODE_EXTRA_CA_CERTS: "set" });
  const topic = `${peer.origin}/feed`;

  expect(await post(program, toSubscribe(topic, `${peer.origin}/callback`))).toBe(202);
  await until(() => peer.connections() > 0);
  while (both.delivered.length === 0) await post(program, { "hub.mode": "publish", "hub.url": topic });

  expect(both.delivered).toEqual([news]);
  expect(await stopped(program)).not.toContain("tls");
});

test("without it a private authority is not trusted, and NODE_TLS_REJECT_UNAUTHORIZED changes nothing", async () => {
  const both = openBoth();
  await using topics = await openSecurePeer(both.listener);
  await using callbacks = await openPeer(both.listener);
  await using program = await serve({ CARILLON_ALLOW_CIDRS: "127.0.0.0/8", NODE_TLS_REJECT_UNAUTHORIZED: "0" });
  const topic = `${topics.origin}/feed`;

  expect(await post(program, toSubscribe(topic, `${callbacks.origin}/callback`))).toBe(202);
  await until(() => callbacks.connections() > 0);
  while (topics.connections() === 0) await post(program, { "hub.mode": "publish", "hub.url": topic });
  await until(() => topics.open() === 0);

  expect(await stopped(program)).toMatch(/"tls: TLS failed: self-signed certificate.*DEPTH_ZERO/);
  expect(both.delivered).toEqual([]);
});

test("CARILLON_EGRESS_PROXY is where everything goes through, threads included; the start warns of it, without its password", async () => {
  const both = openBoth();
  await using peer = await openPeer(both.listener);
  await using proxy = await openEgressProxy();
  await using program = await serve({
    CARILLON_EGRESS_PROXY: proxy.url.replace("//", "//hub:pass-word@"),
    CARILLON_DELIVERY_THREADS: "1",
  });
  const topic = `http://blog.example:${peer.port}/feed`;

  expect(await post(program, toSubscribe(topic, `http://reader.example:${peer.port}/callback`))).toBe(202);
  await until(() => proxy.targets.length > 0);
  while (both.delivered.length === 0) await post(program, { "hub.mode": "publish", "hub.url": topic });

  expect(both.delivered).toEqual([news]);
  // The verification, fetches over a connection each, and the delivery, by its thread.
  const reader = `reader.example:${peer.port}`;
  expect(proxy.targets[0]).toBe(reader);
  expect(proxy.targets.filter((target) => target === reader)).toHaveLength(2);
  expect(new Set(proxy.targets)).toEqual(new Set([reader, `blog.example:${peer.port}`]));
  const warning = await program.line(/^warning .*CARILLON_EGRESS_PROXY/);
  const complaint = await stopped(program);
  expect(warning).toContain("hub:***@127.0.0.1");
  expect(complaint).toContain("CARILLON_EGRESS_PROXY is set: names are for the proxy to resolve");
  expect(program.lines.join("\n") + complaint).not.toContain("pass-word");
});
