import { availableParallelism } from "node:os";

import { z } from "zod";
import { signatureMethods, type SignatureMethod } from "../model/signature-method.ts";
import { settleLease, usualLease } from "./lease-bounds.ts";
import * as rules from "./rules.ts";
import { readSecretKey } from "./secret-key.ts";

// Every setting, once: its rule, its default (as one would write it) and its meaning. Names of variables
// and flags follow from the keys; help, `carillon config`, the README's table and all checks follow from this. What is `secret` is
// never shown, all of it or the password in it, and has a twin that names a file which holds it.

/** 300 years: a longer lease or wait would leave the range of dates. */
const maxSeconds = 10_000_000_000;
const seconds = rules.wholeNumber(1, maxSeconds);
const patterns = rules.list(
  "a URL prefix (https://example.com/a/) or a host (example.com, *.example.com)",
  rules.readPattern,
);
const cidrs = rules.list("a network in CIDR notation, such as 10.0.0.0/8 or fd00::/8", rules.readCidr);

export const shape = {
  host: rules
    .rule("an IP address or a host name, without port or brackets", rules.readListenHost)
    .prefault("127.0.0.1")
    .meta({ description: "address to listen on" }),
  port: rules.wholeNumber(0, 65_535).prefault("8080").meta({
    description: "port to listen on; 0 takes any free one, which is printed",
  }),
  publicUrl: rules
    .rule("an http(s) URL without query, fragment, user or password", rules.readPublicUrl)
    .optional()
    .meta({ description: "the hub URL that topics advertise", shown: "http://localhost:PORT/" }),
  databaseUrl: rules
    .rule(
      "file: and a path (file:data/carillon.db), or a server and a database (postgres://user:password@host/database)",
      rules.readDatabaseUrl,
    )
    .prefault("file:data/carillon.db")
    .meta({
      description: "what holds everything: a SQLite file, or postgres://… for several nodes",
      secret: "password",
    }),
  adminToken: rules
    .rule("at least 32 characters without white space", (text) => (/^\S{32,}$/.test(text) ? text : undefined))
    .optional()
    .meta({
      description: "opens the admin surface (Authorization: Bearer TOKEN); made at the first start unless set",
      shown: "kept in admin-token, beside the database",
      secret: "whole",
    }),
  adminPort: rules
    .wholeNumber(0, 65_535)
    .optional()
    .meta({ description: "moves the admin surface to a port of its own, at the same address; 0 takes any free one" }),
  allowCidrs: cidrs.prefault("").meta({
    description:
      "comma list of otherwise forbidden networks that topics and callbacks may live in; also opens names such as localhost when every address they resolve to lies inside",
  }),
  egressProxy: rules
    .rule("the http URL of a proxy, such as http://user:password@10.0.0.9:4750", rules.readProxyUrl)
    .optional()
    .meta({
      description:
        "the only proxy ever used, for all that the hub fetches, verifies and delivers; it must filter addresses itself",
      secret: "password",
    }),
  leaseMinSeconds: seconds.optional().meta({
    description: "shortest lease granted; shorter requests get this one",
    shown: String(usualLease.leaseMinSeconds),
  }),
  leaseDefaultSeconds: seconds.optional().meta({
    description: "lease granted when none is asked for",
    shown: String(usualLease.leaseDefaultSeconds),
  }),
  leaseMaxSeconds: seconds.optional().meta({
    description:
      "longest lease granted; longer requests get this one. Bounds that are not set give way to those that are",
    shown: String(usualLease.leaseMaxSeconds),
  }),
  retryDelaysSeconds: rules
    .list(`a whole number of seconds from 1 to ${maxSeconds}`, (part) => rules.readWholeNumber(part, 1, maxSeconds))
    .refine((delays) => delays.length > 0, "must be a comma list of at least one delay in seconds")
    .prefault("5,60,300,1800,7200,18000,36000")
    .meta({
      description:
        "comma list: the wait before each further attempt of a delivery, lengthened at random by at most 20 %",
    }),
  signatureMethod: rules.oneOf(signatureMethods).prefault("sha256").meta({
    description: "how deliveries are signed: sha1, sha256, sha384 or sha512",
  }),
  signatureMethodByHost: rules
    .list(
      `HOST=METHOD with a host (example.com, *.example.com) and one of ${signatureMethods.join(", ")}`,
      readMethodOfHost,
    )
    .prefault("")
    .meta({ description: "comma list of HOST=METHOD that overrides it by callback host; the first match wins" }),
  topicMaxBytes: rules.wholeNumber(1, 1_000_000_000).prefault("10485760").meta({
    description: "a larger topic is a failed fetch",
  }),
  fetchMinIntervalSeconds: rules.wholeNumber(0, maxSeconds).prefault("1").meta({
    description: "pings of a topic that come sooner are merged into one later fetch; 0 means no wait",
  }),
  topicPolicy: rules.oneOf(["open", "advertised"]).prefault("open").meta({
    description: "open: any topic; advertised: only topics that name this hub",
  }),
  topicAllow: patterns.prefault("").meta({
    description: "comma list of URL prefixes or hosts (*.example.com): when set, only these topics",
  }),
  topicDeny: patterns.prefault("").meta({ description: "comma list of URL prefixes or hosts: never these topics" }),
  callbackDeny: patterns
    .prefault("")
    .meta({ description: "comma list of URL prefixes or hosts: never these callbacks" }),
  requestsPerMinute: rules.wholeNumber(0, 1_000_000).prefault("600").meta({
    description: "most requests a minute from one client address (/64 for IPv6), also all at once; 0 means no limit",
  }),
  verificationsPerMinute: rules.wholeNumber(0, 100_000).prefault("60").meta({
    description:
      "verification requests and notices a minute to one callback host; beyond it they wait, and so do those of one client. 0: no limit",
  }),
  pendingPerClient: rules.wholeNumber(0, 1_000_000).prefault("1000").meta({
    description: "requests of one client address that wait to be verified; more are answered 429. 0: no limit",
  }),
  pendingPerHost: rules.wholeNumber(0, 1_000_000).prefault("10000").meta({
    description: "requests for one callback host that wait to be verified; more are answered 429. 0: no limit",
  }),
  subscriptionsPerHost: rules.wholeNumber(0, 1_000_000_000).prefault("100000").meta({
    description: "active subscriptions of one callback host; beyond it only renewals are taken. 0: no limit",
  }),
  trustProxyCidrs: cidrs.prefault("").meta({
    description: "comma list of networks of reverse proxies: whose X-Forwarded-For is believed",
  }),
  hostConcurrency: rules.wholeNumber(1, 10_000).prefault("64").meta({
    description:
      "most open deliveries to one origin (scheme, host and port); each starts with 4, and grows towards it as it answers",
  }),
  deliveryThreads: rules
    .wholeNumber(0, 64)
    .prefault(String(availableParallelism() - 1))
    .meta({
      description: "threads that sign and send, started at the first fan-out; 0 does it on the main thread",
      shown: "cores - 1",
    }),
  maxInFlight: rules.wholeNumber(1, 100_000).prefault("1000").meta({
    description: "most open first attempts per thread; retries have half as many places beside them",
  }),
  dbMaxMb: rules.wholeNumber(1, 1_000_000_000).optional().meta({
    description:
      "size of the database, in millions of bytes, from which nothing new is accepted (503) until it is smaller; what was accepted goes on",
  }),
  secretKey: rules
    .secretList("is not 32 random bytes, in base64 (openssl rand -base64 32) or 64 hex digits", readSecretKey)
    .prefault("")
    .meta({
      description:
        "comma list of keys, each 32 random bytes in base64 or hex: the first encrypts subscription secrets in the database, all of them decrypt",
      secret: "whole",
    }),
  migrate: rules
    .rule("true or false", rules.readBoolean)
    .prefault("true")
    .meta({ description: "false: refuse to start when migrations of the database are pending" }),
  logLevel: rules.oneOf(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).prefault("info").meta({
    description: "fatal, error, warn, info, debug, trace or silent",
  }),
};

/** Takes the texts by key, absent where unset. The bounds of a lease are compared although other settings are wrong. */
export const settingsSchema = z
  .object(shape)
  .refine((lease) => isOrdered(lease.leaseMinSeconds, lease.leaseMaxSeconds), {
    path: ["leaseMinSeconds"],
    message: "must not exceed the longest lease",
    when: always,
  })
  .refine((lease) => isOrdered(lease.leaseMinSeconds, lease.leaseDefaultSeconds), {
    path: ["leaseDefaultSeconds"],
    message: "must not be below the shortest lease",
    when: always,
  })
  .refine((lease) => isOrdered(lease.leaseDefaultSeconds, lease.leaseMaxSeconds), {
    path: ["leaseDefaultSeconds"],
    message: "must not exceed the longest lease",
    when: always,
  })
  .transform((texts) => ({ ...texts, ...settleLease(texts) }));

export type SettingKey = keyof typeof shape;

/** The keys in the order in which people read them. */
export const settingKeys = Object.keys(shape) as readonly SettingKey[];

function readMethodOfHost(part: string): readonly [string, SignatureMethod] | undefined {
  const [host = "", wanted, ...rest] = part.split("=").map((text) => text.trim());
  const method = signatureMethods.find((known) => known === wanted);
  const pattern = rules.readHostPattern(host);
  return method === undefined || pattern === undefined || rest.length > 0 ? undefined : [pattern, method];
}

function always(): boolean {
  return true;
}

// A bound that is unset, or that broke its own rule, contradicts nothing.
function isOrdered(low: unknown, high: unknown): boolean {
  return typeof low !== "number" || typeof high !== "number" || low <= high;
}
