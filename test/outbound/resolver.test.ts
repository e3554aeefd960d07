import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { failureOf } from "../../src/outbound/failure.ts";
import { createNameCache } from "../../src/outbound/name-cache.ts";
import { createResolver } from "../../src/outbound/resolver.ts";
import { openDnsServer, type Zone } from "../support/dns-server.ts";
import { TestClock } from "../support/test-clock.ts";
import { until } from "../support/until.ts";
import { get, openOutbound, openPeer } from "./peers.ts";

const start = new Date("2026-01-01T00:00:00Z");
const missing = "/nowhere/hosts";

/** A resolver, the name server it asks, and the clock its deadlines and its memory go by. */
async function openResolver(zones: Readonly<Record<string, Zone>>, hostsFile = missing) {
  const dns = await openDnsServer(zones);
  const clock = new TestClock(start);
  const resolve = createResolver({ clock, asksSystem: false, hostsFile, servers: [dns.address] });
  /** The addresses, or why there are none. */
  const ask = async (name: string) => {
    try {
      return await resolve(name);
    } catch (error) {
      return failureOf(error);
    }
  };
  return { dns, clock, ask, resolve, [Symbol.asyncDispose]: () => dns[Symbol.asyncDispose]() };
}

const unresolved = (name: string, why: string) => ({
  kind: "failed",
  reason: "unresolved",
  detail: `the name ${name} does not resolve${why}`,
});

test("a name has the addresses of both families, IPv4 first, through aliases, whatever its case and final dot", async () => {
  const addresses = ["2606:0:0:0:0:0:0:1", "192.0.2.1", "192.0.2.2"];
  await using opened = await openResolver({
    "a.example": { addresses },
    "www.a.example": { addresses: ["192.0.2.3"], alias: "a.example" },
  });

  expect(await opened.ask("A.Example.")).toEqual(["192.0.2.1", "192.0.2.2", "2606::1"]);
  expect(await opened.ask("www.a.example")).toEqual(["192.0.2.3"]);
});

test("an answer that does not fit into a datagram is asked for again over TCP", async () => {
  await using opened = await openResolver({ "big.example": { addresses: ["192.0.2.1"], truncates: true } });

  expect(await opened.ask("big.example")).toEqual(["192.0.2.1"]);
  expect(opened.dns.questions).toContain("A big.example (tcp)");
});

test("of a name with hundreds of addresses eight are kept", async () => {
  const addresses = Array.from({ length: 20 }, (_, i) => `192.0.2.${i}`);
  await using opened = await openResolver({ "many.example": { addresses } });

  expect(await opened.ask("many.example")).toEqual(addresses.slice(0, 8));
});

test.each(["SERVFAIL", "silence"] as const)(
  "a family that answers is enough where the other one is %s",
  async (fails) => {
    await using opened = await openResolver({ "half.example": { addresses: ["192.0.2.1"], fails, family: 6 } });

    const asked = opened.ask("half.example");
    await opened.ask("none.example"); // asked later: the family that answers has been heard
    opened.clock.advance(3_000);

    expect(await asked).toEqual(["192.0.2.1"]);
  },
);

test("a name is asked for once at a time, and again when its TTL is over", async () => {
  await using opened = await openResolver({ "a.example": { addresses: ["192.0.2.1"], ttl: 30 } });
  const { dns, clock, ask } = opened;

  await Promise.all(Array.from({ length: 50 }, () => ask("a.example")));
  expect(dns.questions.toSorted()).toEqual(["A a.example", "AAAA a.example"]);
  dns.zones.set("a.example", { addresses: ["192.0.2.9"] });
  clock.advance(29_999);
  expect(await ask("a.example")).toEqual(["192.0.2.1"]);
  clock.advance(1);
  expect(await ask("a.example")).toEqual(["192.0.2.9"]);
});

test.each([
  { ttl: 0, holdsMs: 1_000 },
  { ttl: 86_400, holdsMs: 300_000 },
])("a TTL of $ttl s holds for $holdsMs ms", async ({ ttl, holdsMs }) => {
  await using opened = await openResolver({ "a.example": { addresses: ["192.0.2.1"], ttl } });

  await opened.ask("a.example");
  opened.clock.advance(holdsMs - 1);
  await opened.ask("a.example");
  expect(opened.dns.questions).toHaveLength(2);
  opened.clock.advance(1);
  await opened.ask("a.example");
  expect(opened.dns.questions).toHaveLength(4);
});

test("a name that does not exist is unresolved, and not asked for again within 5 s", async () => {
  await using opened = await openResolver({ "empty.example": {} });
  const { dns, clock, ask } = opened;

  expect(await ask("none.example")).toEqual(unresolved("none.example", " (ENOTFOUND)"));
  expect(await ask("empty.example")).toEqual(unresolved("empty.example", " (ENODATA)"));
  dns.zones.set("none.example", { addresses: ["192.0.2.1"] });
  clock.advance(4_999);
  expect(await ask("none.example")).toMatchObject({ reason: "unresolved" });
  clock.advance(1);
  expect(await ask("none.example")).toEqual(["192.0.2.1"]);
});

test.each([
  { fails: "SERVFAIL", code: "ESERVFAIL" },
  { fails: "REFUSED", code: "EREFUSED" },
  { fails: "FORMERR", code: "EFORMERR" },
] as const)(
  "a zone that answers $fails has itself to blame, if our name server knows the root",
  async ({ fails, code }) => {
    await using opened = await openResolver({ "hostile.example": { fails } });

    expect(await opened.ask("hostile.example")).toEqual(
      unresolved("hostile.example", `: its own name servers fail (${code})`),
    );
    expect(opened.dns.questions).toContain("NS ");
  },
);

test.each(["SERVFAIL", "REFUSED"] as const)(
  "a name server that answers %s to everything is our own fault",
  async (fails) => {
    await using opened = await openResolver({ "a.example": { fails }, "": { fails } });

    const own = { kind: "failed", reason: "exhausted", detail: `the hub could not resolve a.example (E${fails})` };
    expect(await opened.ask("a.example")).toEqual(own);
    // Remembered by nobody: it may be over.
    opened.dns.zones.set("a.example", { addresses: ["192.0.2.1"] });
    expect(await opened.ask("a.example")).toEqual(["192.0.2.1"]);
  },
);

test("another name that was answered within 10 s is proof enough", async () => {
  const fails = "SERVFAIL";
  await using opened = await openResolver({ "a.example": { fails }, "b.example": { fails }, "": { fails } });

  expect(await opened.ask("no..name")).toEqual(unresolved("no..name", " (EBADNAME)")); // asked of nobody, so no proof
  expect(await opened.ask("b.example")).toMatchObject({ reason: "exhausted" });
  await opened.ask("none.example");
  opened.clock.advance(9_999);
  expect(await opened.ask("a.example")).toMatchObject({ reason: "unresolved" });
  opened.clock.advance(1);
  expect(await opened.ask("b.example")).toMatchObject({ reason: "exhausted" });
});

test("a name server that is silent is our own fault within 4 s, before the connect limit would blame the peer", async () => {
  const fails = "silence";
  await using opened = await openResolver({ "a.example": { fails }, "": { fails } });
  const { dns, clock, resolve } = opened;
  await using outbound = openOutbound({ clock, resolve });

  const exchange = outbound.exchange(get("http://a.example/"));
  await until(() => dns.questions.length >= 2);
  clock.advance(3_000);
  await until(() => dns.questions.includes("NS "));
  clock.advance(1_000);

  expect(await exchange).toMatchObject({ kind: "failed", reason: "exhausted" });
});

test("a zone that is silent is its own fault, and holds up no other name", async () => {
  await using opened = await openResolver({
    ...Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`s${i}.example`, { fails: "silence" }])),
    "a.example": { addresses: ["192.0.2.1"] },
  });
  const { dns, clock, ask } = opened;

  const silent = Array.from({ length: 40 }, (_, i) => ask(`s${i}.example`));
  await until(() => dns.questions.length >= 80);
  expect(await ask("a.example")).toEqual(["192.0.2.1"]);
  clock.advance(3_000);

  for (const answer of await Promise.all(silent)) expect(answer).toMatchObject({ reason: "unresolved" });
});

test("what is remembered is judged at each connection: a name that was good and turns bad is refused", async () => {
  await using peer = await openPeer((_request, response) => response.setHeader("connection", "close").end());
  await using opened = await openResolver({ "rebind.example": { addresses: ["127.0.0.1"], ttl: 5 } });
  const { dns, clock, resolve } = opened;
  await using outbound = openOutbound({ allowCidrs: ["127.0.0.1/32"], clock, resolve });
  await using closed = openOutbound({ allowCidrs: [], clock, resolve });
  const request = get(`http://rebind.example:${peer.port}/`);

  expect(await outbound.exchange(request)).toMatchObject({ status: 200 });
  expect(await closed.exchange(request)).toMatchObject({ reason: "forbidden" });
  dns.zones.set("rebind.example", { addresses: ["127.0.0.2"] });
  expect(await outbound.exchange(request)).toMatchObject({ status: 200 });
  clock.advance(5_000);
  expect(await outbound.exchange(request)).toMatchObject({ reason: "forbidden" });
  expect(peer.connections()).toBe(2);
});

test("mixed answers, and an alias that leads to a private address, are refused as a whole", async () => {
  await using peer = await openPeer((_request, response) => response.end());
  await using opened = await openResolver({
    "mixed.example": { addresses: ["127.0.0.1", "10.0.0.1"] },
    "families.example": { addresses: ["127.0.0.1", "fd00:0:0:0:0:0:0:1"] },
    "alias.example": { addresses: ["10.0.0.1"], alias: "db.internal" },
  });
  await using outbound = openOutbound({ resolve: opened.resolve });

  for (const name of ["mixed", "families", "alias"]) {
    const answer = await outbound.exchange(get(`http://${name}.example:${peer.port}/`));
    expect(answer).toMatchObject({ kind: "failed", reason: "forbidden" });
  }
  expect(peer.connections()).toBe(0);
});

test("what DNS does not know is asked of the system only by who opened networks", async () => {
  const clock = new TestClock(start);
  await using dns = await openDnsServer();
  const options = { clock, hostsFile: missing, servers: [dns.address] };

  expect(await createResolver({ ...options, asksSystem: true })("localhost")).toContain("127.0.0.1");
  await expect(createResolver({ ...options, asksSystem: false })("localhost")).rejects.toThrow("ENOTFOUND");
  await expect(createResolver({ ...options, asksSystem: true })("none.invalid")).rejects.toThrow("ENOTFOUND");
});

test("ten thousand names are remembered; of more, those not asked for longest are forgotten", async () => {
  const asked: string[] = [];
  const resolve = createNameCache(new TestClock(start), async (name) => {
    asked.push(name);
    return { addresses: [], ttlSeconds: 60 };
  });

  for (let i = 0; i < 10_000; i++) await resolve(`${i}.example`);
  for (const name of ["0.example", "new.example", "0.example", "2.example"]) await resolve(name);
  expect(asked.slice(10_000)).toEqual(["new.example"]);
  await resolve("1.example");
  expect(asked.slice(10_000)).toEqual(["new.example", "1.example"]);
});

test("the hosts file comes first, and is read again when it has changed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "carillon-hosts-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "hosts");
  await writeFile(file, "# comment\n192.0.2.1 a.example\tA.alias # more\n::1 a.example\nnonsense b.example\n");
  await using opened = await openResolver({ "b.example": { addresses: ["192.0.2.2"] } }, file);
  const { dns, clock, ask } = opened;

  expect(await ask("a.example")).toEqual(["192.0.2.1", "::1"]);
  expect(await ask("a.alias")).toEqual(["192.0.2.1"]);
  expect(dns.questions).toEqual([]);
  expect(await ask("b.example")).toEqual(["192.0.2.2"]);
  await writeFile(file, "192.0.2.77 a.example\n");
  clock.advance(4_999);
  expect(await ask("a.example")).toEqual(["192.0.2.1", "::1"]);
  clock.advance(1);
  expect(await ask("a.example")).toEqual(["192.0.2.77"]);
  await rm(file);
  clock.advance(5_000);
  expect(await ask("a.example")).toMatchObject({ reason: "unresolved" });
});
