import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { HubError } from "../src/errors.ts";
import { parseHttpUrl, topicIdentity } from "../src/model/http-url.ts";
import { matchesHost, matchesPattern } from "../src/model/url-pattern.ts";
import { grantLease } from "../src/subscribe/grant-lease.ts";
import { parseSubscription } from "../src/subscribe/parse-subscription.ts";

const good = { "hub.topic": "https://feeds.example/a", "hub.callback": "https://reader.example/cb" };

function parse(fields: Readonly<Record<string, string>>, mode: "subscribe" | "unsubscribe" = "subscribe") {
  return parseSubscription(mode, new URLSearchParams({ ...good, ...fields }));
}

/** What was read, or why it was refused. */
function tryParse(fields: Readonly<Record<string, string>>, mode: "subscribe" | "unsubscribe" = "subscribe") {
  try {
    return { ...parse(fields, mode), refused: undefined };
  } catch (error) {
    if (error instanceof HubError) return { refused: error };
    throw error;
  }
}

describe("§5.1 grantLease", () => {
  const policy = { min: 300, max: 2_592_000, fallback: 864_000 };

  test.each([
    { asked: undefined, granted: 864_000 },
    { asked: 1, granted: 300 },
    { asked: 300, granted: 300 },
    { asked: 86_400, granted: 86_400 },
    { asked: 2_592_001, granted: 2_592_000 },
    { asked: Infinity, granted: 2_592_000 },
  ])("asking for $asked s is granted $granted s", ({ asked, granted }) => {
    expect(grantLease(asked, policy)).toBe(granted);
  });

  test("what is granted lies within the bounds, and is what was asked for where that does", () => {
    const bounds = fc.tuple(fc.integer({ min: 1, max: 1e10 }), fc.nat(1e9), fc.nat(1e9));
    const asked = fc.oneof(fc.constant(undefined), fc.integer({ min: 1, max: 2e10 }), fc.constant(Infinity));
    fc.assert(
      fc.property(bounds, asked, ([min, more, evenMore], wanted) => {
        const bounded = { min, fallback: min + more, max: min + more + evenMore };
        const granted = grantLease(wanted, bounded);
        expect(granted).toBeGreaterThanOrEqual(bounded.min);
        expect(granted).toBeLessThanOrEqual(bounded.max);
        const isWithin = wanted === undefined || (wanted >= bounded.min && wanted <= bounded.max);
        expect(granted === (wanted ?? bounded.fallback)).toBe(isWithin);
      }),
    );
  });
});

describe("§5.1 parseSubscription", () => {
  test("reads what it knows and leaves the rest", () => {
    const read = parse({
      "hub.secret": "s",
      "hub.lease_seconds": "60",
      "hub.verify_token": "t",
      "hub.verify": "sync",
      foo: "bar",
    });
    expect(read).toEqual({
      mode: "subscribe",
      topic: new URL(good["hub.topic"]),
      topicAsAsked: good["hub.topic"],
      callback: new URL(good["hub.callback"]),
      callbackAsAsked: good["hub.callback"],
      secret: "s",
      leaseSeconds: 60,
      verifyToken: "t",
      signatureMethod: undefined,
    });
  });

  test("empty optional parameters are none", () => {
    const read = parse({
      "hub.secret": "",
      "hub.lease_seconds": "",
      "hub.verify_token": "",
      "hub.signature_method": "",
    });
    expect([read.secret, read.leaseSeconds, read.verifyToken, read.signatureMethod]).toEqual(Array(4).fill(undefined));
  });

  test("an unsubscription has no lease, whatever stands there", () => {
    expect(parse({ "hub.lease_seconds": "nonsense" }, "unsubscribe").leaseSeconds).toBeUndefined();
  });

  test("a secret is taken up to 199 bytes, as it is, and the error does not show it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 220 }), (secret) => {
        const wellFormed = secret.toWellFormed();
        const isShort = Buffer.byteLength(wellFormed) < 200;
        const expected = isShort ? { secret: wellFormed } : { refused: { code: "invalid_request" } };
        expect(tryParse({ "hub.secret": wellFormed })).toMatchObject(expected);
      }),
    );
    const long = "top-secret".repeat(30);
    expect(() => parse({ "hub.secret": long })).toThrow(/^hub\.secret is 300 bytes long; it must be under 200$/);
  });

  test("a verify_token is taken up to 1024 bytes", () => {
    expect(parse({ "hub.verify_token": "é".repeat(512) }).verifyToken).toBe("é".repeat(512));
    expect(() => parse({ "hub.verify_token": `${"é".repeat(512)}x` })).toThrow(
      /^hub\.verify_token is 1025 bytes long; /,
    );
  });

  test.each(["sha1", "sha256", "sha384", "sha512"])("hub.signature_method may be %s", (method) => {
    expect(parse({ "hub.signature_method": method }).signatureMethod).toBe(method);
  });

  test.each(["md5", "SHA256", "sha-256"])("hub.signature_method may not be %s", (method) => {
    expect(() => parse({ "hub.signature_method": method })).toThrow(
      /^hub\.signature_method ".*" must be one of sha1, /,
    );
  });

  test("a lease is any positive whole number in decimal digits, and nothing else", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.bigInt({ min: 1n, max: 10n ** 40n }).map(String), fc.string({ minLength: 1 })),
        (text) => {
          const isLease = /^\d+$/.test(text) && BigInt(text) > 0n;
          const expected = isLease ? { leaseSeconds: Number(text) } : { refused: { code: "invalid_request" } };
          expect(tryParse({ "hub.lease_seconds": text })).toMatchObject(expected);
        },
      ),
    );
  });

  test("whatever the fields hold, a request is read, or refused with one line", () => {
    const value = fc.oneof(fc.string({ unit: "binary" }), fc.webUrl(), fc.constant(""));
    const fields = fc.record({
      "hub.topic": value,
      "hub.callback": value,
      "hub.secret": value,
      "hub.lease_seconds": value,
    });
    fc.assert(
      fc.property(fields, fc.constantFrom("subscribe" as const, "unsubscribe" as const), (form, mode) => {
        const { refused, ...read } = tryParse(form, mode);
        const asIs = { topicAsAsked: form["hub.topic"], callbackAsAsked: form["hub.callback"] };
        const oneLine: unknown = expect.stringMatching(/^hub\.[a-z_]+ [^\n\r]+$/);
        expect(refused ?? read).toMatchObject(refused ? { code: "invalid_request", message: oneLine } : asIs);
      }),
    );
  });
});

describe("§5.1.1 parseHttpUrl", () => {
  test.each([
    ["https://a.example", undefined],
    ["HTTP://a.example:8080/x?y=%zz", undefined],
    ["http://[::1]/", undefined],
    ["https://a.example/é", undefined],
    ["", "must be an absolute http or https URL"],
    ["ftp://a.example/", "must be an absolute http or https URL"],
    ["//a.example/", "must be an absolute http or https URL"],
    ["http:///a.example", "must be an absolute http or https URL"],
    ["http://?q", "must be an absolute http or https URL"],
    ["http:a.example", "must be an absolute http or https URL"],
    ["http://a.example:99999/", "must be an absolute http or https URL"],
    ["https://a.example/#", "must not have a fragment"],
    ["https://u@a.example/", "must not hold a user name or password"],
    ["https://:p@a.example/", "must not hold a user name or password"],
    ["https://a.example/ b", "must not hold white space, control characters, quotes, angle brackets or backslashes"],
    ["https://a.example\\b", "must not hold white space, control characters, quotes, angle brackets or backslashes"],
    [" https://a.example/", "must not hold white space, control characters, quotes, angle brackets or backslashes"],
  ])("%j: %s", (text, fault) => {
    const parsed = parseHttpUrl(text);
    expect(parsed.kind === "fault" ? parsed.fault : undefined).toBe(fault);
  });
});

describe("§5.1.1 topicIdentity", () => {
  const identity = (text: string) => topicIdentity(new URL(text));

  test.each([
    ["http://a.example", "http://a.example/"],
    ["HTTP://A.example:80/%7Euser?q=%2D%5F%2e", "http://a.example/~user?q=-_."],
    ["http://a.example/%2fa%3f", "http://a.example/%2Fa%3F"],
    ["http://a.example/%2541", "http://a.example/%2541"],
    ["http://a.example/?q=é", "http://a.example/?q=%C3%A9"],
    ["http://a.example/%%341", "http://a.example/%%341"],
  ])("of %s is %s", (text, expected) => {
    expect(identity(text)).toBe(expected);
  });

  test("is its own identity", () => {
    const text = fc
      .string({ unit: fc.constantFrom(..."%2541aF~-./?&=é+".split("")) })
      .map((tail) => `http://a.example/${tail}`);
    fc.assert(
      fc.property(text, (url) => {
        expect(identity(identity(url))).toBe(identity(url));
      }),
      { numRuns: 2000 },
    );
  });

  test("does not depend on how unreserved characters are spelled", () => {
    const path = fc.array(fc.tuple(fc.constantFrom(..."aZ09-_~".split("")), fc.boolean()), { minLength: 1 });
    fc.assert(
      fc.property(path, (spelled) => {
        const plain = spelled.map(([character]) => character).join("");
        const mixed = spelled.map(([character, escaped]) => (escaped ? escape(character) : character)).join("");
        expect(identity(`http://a.example/${mixed}?${mixed}`)).toBe(identity(`http://a.example/${plain}?${plain}`));
      }),
    );
  });

  function escape(character: string): string {
    return `%${character.charCodeAt(0).toString(16)}`;
  }
});

describe("§5.1.2 matchesPattern", () => {
  test.each([
    ["https://a.example/x", "a.example", true],
    ["https://A.Example./x", "a.example", true],
    ["https://b.a.example/", "a.example", false],
    ["https://b.a.example/", "*.a.example", true],
    ["https://a.example/", "*.a.example", false],
    ["https://ba.example/", "*.a.example", false],
    ["https://a.example/x/y", "https://a.example/x", true],
    ["https://a.example/y", "https://a.example/x", false],
    ["http://a.example/x", "https://a.example/x", false],
    ["https://a.example.evil/", "https://a.example", false],
    ["https://a.example:8443/", "https://a.example", false],
    ["https://a.example:8443/", "a.example", true],
  ])("%s under %s: %s", (url, pattern, expected) => {
    expect(matchesPattern(new URL(url), pattern)).toBe(expected);
  });

  test("a pattern for all hosts below one never matches that host or a neighbour", () => {
    const label = fc.stringMatching(/^[a-z]{1,8}$/);
    fc.assert(
      fc.property(label, label, (one, two) => {
        expect(matchesHost(`${one}.${two}.example`, `*.${two}.example`)).toBe(true);
        expect(matchesHost(`${two}.example`, `*.${two}.example`)).toBe(false);
        expect(matchesHost(`${one}${two}.example`, `*.${two}.example`)).toBe(false);
      }),
    );
  });
});
