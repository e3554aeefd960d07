import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

import { expect, test } from "vitest";

import { explainConfig, loadConfig, SettingsError } from "../src/config.ts";
import { nearest } from "../src/config/nearest.ts";
import { describeSettings, settings } from "../src/config/settings.ts";

function faultsOf(env: Record<string, string>, argv: readonly string[] = []): readonly string[] {
  try {
    loadConfig(env, argv);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

test("without any setting the defaults hold", () => {
  expect(loadConfig({}, [])).toEqual({
    host: "127.0.0.1",
    port: 8080,
    publicUrl: undefined,
    database: { kind: "file", path: "data/carillon.db" },
    allowCidrs: [],
    egressProxy: undefined,
    leaseMinSeconds: 300,
    leaseDefaultSeconds: 864_000,
    leaseMaxSeconds: 2_592_000,
    retryDelaysSeconds: [5, 60, 300, 1800, 7200, 18_000, 36_000],
    signatureMethod: "sha256",
    signatureMethodByHost: [],
    topicMaxBytes: 10_485_760,
    fetchMinIntervalSeconds: 1,
    topicPolicy: "open",
    topicAllow: [],
    topicDeny: [],
    callbackDeny: [],
    requestsPerMinute: 600,
    verificationsPerMinute: 60,
    pendingPerClient: 1000,
    pendingPerHost: 10_000,
    subscriptionsPerHost: 100_000,
    trustProxyCidrs: [],
    hostConcurrency: 64,
    deliveryThreads: availableParallelism() - 1,
    maxInFlight: 1000,
    dbMaxMb: undefined,
    secretKeys: [],
    migrate: true,
    logLevel: "info",
  });
});

test.each([
  { argv: ["--lease-max-seconds", "5"] },
  { argv: ["--lease-max-seconds=5"] },
  { argv: [], env: { CARILLON_LEASE_MAX_SECONDS: "5" } },
  { argv: ["--lease-max-seconds=5"], env: { CARILLON_LEASE_MAX_SECONDS: "7" } },
])("a setting comes from a flag or the environment, a flag wins: $argv $env", ({ argv, env }) => {
  expect(loadConfig(env ?? {}, argv).leaseMaxSeconds).toBe(5);
});

test("an empty value means unset; CARILLON_TEST_* and other programs' names are ignored", () => {
  const env = { CARILLON_PORT: "", CARILLON_TOPIC_POLICY: "", CARILLON_TEST_TOKEN: "x", PORT: "9", CARILLONS: "1" };
  expect(loadConfig(env, ["--host="])).toEqual(loadConfig({}, []));
});

test.each([
  { name: "CARILLON_HOST", text: "::", key: "host", value: "::" },
  { name: "CARILLON_HOST", text: "localhost", key: "host", value: "localhost" },
  { name: "CARILLON_PORT", text: "0", key: "port", value: 0 },
  { name: "CARILLON_PUBLIC_URL", text: "https://Hub.Example", key: "publicUrl", value: "https://hub.example/" },
  { name: "CARILLON_PUBLIC_URL", text: "http://a.example/hub", key: "publicUrl", value: "http://a.example/hub" },
  {
    name: "CARILLON_DATABASE_URL",
    text: "file:/var/lib/c.db",
    key: "database",
    value: { kind: "file", path: "/var/lib/c.db" },
  },
  {
    name: "CARILLON_DATABASE_URL",
    text: "file:///var/a%20b.db",
    key: "database",
    value: { kind: "file", path: "/var/a b.db" },
  },
  ...[
    "postgres://u:p@db.example:5433/hub?sslmode=verify-full",
    "postgresql://db/hub",
    "postgres:///hub?host=/run/pg",
  ].map((text) => ({
    name: "CARILLON_DATABASE_URL",
    text,
    key: "database",
    value: { kind: "postgres", url: text },
  })),
  { name: "CARILLON_MIGRATE", text: "false", key: "migrate", value: false },
  {
    name: "CARILLON_ALLOW_CIDRS",
    text: " 127.0.0.0/8, ::1/128,",
    key: "allowCidrs",
    value: ["127.0.0.0/8", "::1/128"],
  },
  { name: "CARILLON_RETRY_DELAYS_SECONDS", text: "1, 2,3", key: "retryDelaysSeconds", value: [1, 2, 3] },
  { name: "CARILLON_SIGNATURE_METHOD", text: "sha1", key: "signatureMethod", value: "sha1" },
  {
    name: "CARILLON_SIGNATURE_METHOD_BY_HOST",
    text: "Old.example=sha1,*.b.example=sha512",
    key: "signatureMethodByHost",
    value: [
      ["old.example", "sha1"],
      ["*.b.example", "sha512"],
    ],
  },
  { name: "CARILLON_FETCH_MIN_INTERVAL_SECONDS", text: "0", key: "fetchMinIntervalSeconds", value: 0 },
  { name: "CARILLON_TOPIC_POLICY", text: "advertised", key: "topicPolicy", value: "advertised" },
  {
    name: "CARILLON_TOPIC_ALLOW",
    text: "https://a.example,http://b.example/feeds/,C.example,*.bücher.example",
    key: "topicAllow",
    value: ["https://a.example/", "http://b.example/feeds/", "c.example", "*.xn--bcher-kva.example"],
  },
  { name: "CARILLON_LOG_LEVEL", text: "silent", key: "logLevel", value: "silent" },
])("$name=$text is read as $value", ({ name, text, key, value }) => {
  expect(loadConfig({ [name]: text }, [])).toHaveProperty(key, value);
});

test.each([
  { name: "CARILLON_HOST", texts: ["http://localhost", "[::1]", "a b", "host:80", "fe80::1%eth0"] },
  { name: "CARILLON_PORT", texts: ["-1", "65536", "80.5", "0x50", "eighty"] },
  {
    name: "CARILLON_PUBLIC_URL",
    texts: [
      "hub.example",
      "ftp://hub.example/",
      "https://hub.example/?a",
      "https://hub.example/?",
      "http://u@hub.example/",
    ],
  },
  {
    name: "CARILLON_PUBLIC_URL",
    texts: ["https://hub.example/#x", "https://hub.example/#", "http://u:p@hub.example/"],
  },
  {
    name: "CARILLON_DATABASE_URL",
    texts: [
      "mysql://db/x",
      "postgres:db/x",
      "postgres://db",
      "postgres:///x",
      "postgres://db/x#y",
      "data/carillon.db",
      "file:",
      "file::memory:",
      "file:a.db?mode=ro",
      "file://host/a.db",
    ],
  },
  {
    name: "CARILLON_ALLOW_CIDRS",
    texts: [
      "127.0.0.1",
      "10/8",
      "010.0.0.0/8",
      "10.0.0.0/33",
      "::/129",
      "::ffff:10.0.0.0/104",
      "fe80::%eth0/64",
      "lan",
    ],
  },
  { name: "CARILLON_LEASE_MIN_SECONDS", texts: ["0", "1.5", "-5", "10m", "10000000001"] },
  { name: "CARILLON_LEASE_DEFAULT_SECONDS", texts: ["0"] },
  { name: "CARILLON_LEASE_MAX_SECONDS", texts: ["0"] },
  { name: "CARILLON_RETRY_DELAYS_SECONDS", texts: [",", "0", "5,soon", "-1"] },
  { name: "CARILLON_SIGNATURE_METHOD", texts: ["md5", "SHA256"] },
  {
    name: "CARILLON_SIGNATURE_METHOD_BY_HOST",
    texts: ["a.example", "a.example=md5", "=sha1", "http://a/=sha1", "a=b=c"],
  },
  { name: "CARILLON_TOPIC_MAX_BYTES", texts: ["0", "10MB"] },
  { name: "CARILLON_FETCH_MIN_INTERVAL_SECONDS", texts: ["-1"] },
  { name: "CARILLON_TOPIC_POLICY", texts: ["closed"] },
  {
    name: "CARILLON_TOPIC_ALLOW",
    texts: ["*", "*.*.example", "https://u@a.example/", "ftp://a.example/", "a.example/x"],
  },
  { name: "CARILLON_TOPIC_DENY", texts: ["a b"] },
  { name: "CARILLON_CALLBACK_DENY", texts: ["a.example:80", "https://a.example/#x"] },
  { name: "CARILLON_REQUESTS_PER_MINUTE", texts: ["-1", "ten", "1000001"] },
  { name: "CARILLON_TRUST_PROXY_CIDRS", texts: ["127.0.0.1", "loopback"] },
  { name: "CARILLON_VERIFICATIONS_PER_MINUTE", texts: ["-1", "many"] },
  { name: "CARILLON_PENDING_PER_CLIENT", texts: ["-1"] },
  { name: "CARILLON_PENDING_PER_HOST", texts: ["1.5"] },
  { name: "CARILLON_SUBSCRIPTIONS_PER_HOST", texts: ["1e5"] },
  { name: "CARILLON_HOST_CONCURRENCY", texts: ["0"] },
  { name: "CARILLON_MAX_IN_FLIGHT", texts: ["0"] },
  { name: "CARILLON_DB_MAX_MB", texts: ["0", "1GB"] },
  { name: "CARILLON_MIGRATE", texts: ["no", "0", "TRUE"] },
  { name: "CARILLON_LOG_LEVEL", texts: ["loud"] },
])("$name refuses $texts, each with the value given", ({ name, texts }) => {
  for (const text of texts) {
    const faults = faultsOf({ [name]: text });
    expect(faults, text).toHaveLength(1);
    expect(faults[0]).toContain(`${name} is "${text}": `);
  }
});

test.each([
  { set: { MAX: "5" }, bounds: [5, 5, 5] },
  { set: { DEFAULT: "1" }, bounds: [1, 1, 2_592_000] },
  { set: { MIN: "900000" }, bounds: [900_000, 900_000, 2_592_000] },
  { set: { DEFAULT: "9000000" }, bounds: [300, 9_000_000, 9_000_000] },
  { set: { MIN: "1", DEFAULT: "2", MAX: "3" }, bounds: [1, 2, 3] },
])("bounds of a lease that are not set give way to those that are: $set", ({ set, bounds }) => {
  const config = loadConfig(
    Object.fromEntries(Object.entries(set).map(([bound, text]) => [leaseName(bound), text])),
    [],
  );
  expect([config.leaseMinSeconds, config.leaseDefaultSeconds, config.leaseMaxSeconds]).toEqual(bounds);
});

test("bounds of a lease that contradict each other are refused, although other settings are wrong too", () => {
  const env = {
    [leaseName("MIN")]: "500",
    [leaseName("DEFAULT")]: "400",
    [leaseName("MAX")]: "300",
    CARILLON_PORT: "x",
  };
  expect(faultsOf(env)).toEqual([
    `CARILLON_PORT is "x": must be a whole number from 0 to 65535`,
    `CARILLON_LEASE_MIN_SECONDS is "500": must not exceed the longest lease`,
    `CARILLON_LEASE_DEFAULT_SECONDS is "400": must not be below the shortest lease`,
    `CARILLON_LEASE_DEFAULT_SECONDS is "400": must not exceed the longest lease`,
  ]);
});

function leaseName(bound: string): string {
  return `CARILLON_LEASE_${bound}_SECONDS`;
}

test("one error tells every fault: unknown names, bad flags, each bad part of a list", () => {
  const env = { CARILLON_PROT: "s3cret", CARILLON_ALLOW_CIDRS: "10/8,::1/128,lan" };
  const argv = ["extra", "--lease-max-second=5", "--port=x", "--port", "1", "--host", "--log-level"];
  expect(faultsOf(env, argv)).toEqual([
    "CARILLON_PROT is not a setting: did you mean CARILLON_PORT?",
    "argument 1 is not expected here: a setting is given as --name value",
    "--lease-max-second is not a setting: did you mean --lease-max-seconds?",
    "--port is given more than once",
    "--host needs a value",
    "--log-level needs a value",
    `--port is "x": must be a whole number from 0 to 65535`,
    `CARILLON_ALLOW_CIDRS is "10/8,::1/128,lan": "10/8" is not a network in CIDR notation, such as 10.0.0.0/8 or fd00::/8`,
    `CARILLON_ALLOW_CIDRS is "10/8,::1/128,lan": "lan" is not a network in CIDR notation, such as 10.0.0.0/8 or fd00::/8`,
  ]);
});

test.each([
  { word: "CARILLON_PUBLIC_URI", found: "CARILLON_PUBLIC_URL" },
  { word: "CARILLON_TOPICS_DENY", found: "CARILLON_TOPIC_DENY" },
  { word: "CARILLON_", found: "CARILLON_HOST" },
])("the nearest name to $word is $found", ({ word, found }) => {
  expect(
    nearest(
      word,
      settings.map(({ name }) => name),
    ),
  ).toBe(found);
});

test("a list of which thousands of parts are wrong is told part by part, not as a whole for each", () => {
  expect(faultsOf({ CARILLON_ALLOW_CIDRS: "x,".repeat(9000) }).filter(({ length }) => length < 400)).toHaveLength(9000);
});

test("carillon config knows where each value comes from, and the lease bounds in force", () => {
  const rows = explainConfig({ CARILLON_HOST: "::1", CARILLON_PORT: "1" }, ["--port=2", "--lease-max-seconds=5"]);
  expect(rows).toHaveLength(settings.length);
  expect(rows).toContainEqual({ name: "CARILLON_HOST", text: "::1", from: "environment" });
  expect(rows).toContainEqual({ name: "CARILLON_PORT", text: "2", from: "flag" });
  expect(rows).toContainEqual({ name: "CARILLON_LEASE_MIN_SECONDS", text: "5", from: "default" });
  expect(rows).toContainEqual({ name: "CARILLON_PUBLIC_URL", text: "http://localhost:PORT/", from: "default" });
});

test("--help names every setting, its default and its meaning", () => {
  const help = describeSettings();
  for (const { flag, fallback, meaning } of settings) {
    expect(meaning).not.toBe("");
    expect(help).toContain(`  ${flag}  (${fallback === "" ? "empty" : fallback})\n      ${meaning}\n`);
  }
});

test("the README's table of settings is the schema's", () => {
  const rows = settings.map(({ name, fallback, meaning }) => `| \`${name}\` | ${fallback || "empty"} | ${meaning} |`);
  const table = ["| variable | default | meaning |", "|---|---|---|", ...rows].join("\n");
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const [, inReadme = ""] = /\n(\| variable \|.*\n(?:\|.*\n)*)/.exec(readme) ?? [];
  expect(inReadme.trimEnd()).toBe(table);
});
