import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { fetchTopic, type TopicAnswer } from "../../src/fetch/fetch-topic.ts";
import type { Validators } from "../../src/model/topic.ts";
import { ByteBudget } from "../../src/work/byte-budget.ts";
import { Turns } from "../../src/work/turns.ts";
import { FakeOutbound, type Page } from "./fake-outbound.ts";

const TOPIC = "https://blog.example/feed?a=%7E";
const noValidators: Validators = { etag: undefined, lastModified: undefined };
const VALIDATORS: Validators = { etag: 'W/"1"', lastModified: "Wed, 31 Dec 2025 00:00:00 GMT" };
const MAX_BYTES = 1000;

type Asked = { validators?: Validators; signal?: AbortSignal; monotonicMs?: () => number };

async function ask(pages: Readonly<Record<string, Page>>, asked: Asked = {}) {
  const outbound = new FakeOutbound(pages);
  const clock = { ...systemClock, ...(asked.monotonicMs === undefined ? {} : { monotonicMs: asked.monotonicMs }) };
  const deps = {
    outbound,
    clock,
    maxBytes: MAX_BYTES,
    version: "1.2.3",
    publicUrl: "https://hub.example/",
    turns: new Turns(),
    refuse: () => undefined,
  };
  const share = new ByteBudget(clock, { medium: MAX_BYTES, large: MAX_BYTES }).open("");
  const request = { url: TOPIC, validators: asked.validators ?? noValidators, subscribers: 26, share };
  const answer = await fetchTopic(deps, request, asked.signal ?? new AbortController().signal);
  return { answer, requests: outbound.requests };
}

async function bodyOf(page: Page): Promise<Buffer | TopicAnswer> {
  const { answer } = await ask({ [TOPIC]: page });
  return answer.kind === "content" ? answer.content.body : answer;
}

function hop(to: string): Page {
  return { status: 302, headers: { location: to } };
}

function unchanged(body: Buffer): Buffer {
  return body;
}

function failed(reason: string): TopicAnswer {
  return { kind: "failed", reason };
}

describe("§6 the request", () => {
  test("is a GET for the exact URL that tells who asks and for how many", async () => {
    const { requests } = await ask({});
    expect(requests).toMatchObject([{ url: TOPIC, maxBytes: MAX_BYTES + 1 }]);
    expect(requests[0]?.headers).toEqual({
      Accept: "*/*",
      "Accept-Encoding": "identity",
      "User-Agent": "Carillon/1.2.3 (+https://hub.example/; 26 subscribers)",
    });
  });

  test("carries the validators", async () => {
    const { requests } = await ask({}, { validators: VALIDATORS });
    expect(requests[0]?.headers).toMatchObject({
      "If-None-Match": VALIDATORS.etag,
      "If-Modified-Since": VALIDATORS.lastModified,
    });
  });
});

describe("§7 content", () => {
  test("is a complete 200: bytes, type, links and validators as they came", async () => {
    const body = Buffer.from([0xef, 0xbb, 0xbf, 0x00, 0x0d, 0x0a, 0xff, 0x80, 0x20]);
    const headers = {
      "content-type": 'text/Plain; charset="X"',
      link: '</hub>; rel="hub", <self>; rel="self"',
      etag: '"1"',
    };
    const { answer } = await ask({ [TOPIC]: { headers, body } });
    expect(answer).toEqual({
      kind: "content",
      content: {
        body,
        contentType: 'text/Plain; charset="X"',
        links: { hubs: ["https://blog.example/hub"], self: "https://blog.example/self" },
      },
      validators: { etag: '"1"', lastModified: undefined },
      finalUrl: TOPIC,
    });
  });

  test("may be empty, and without a type is application/octet-stream", async () => {
    const { answer } = await ask({ [TOPIC]: {} });
    expect(answer).toMatchObject({
      kind: "content",
      content: { body: Buffer.alloc(0), contentType: "application/octet-stream" },
    });
  });

  test.each([201, 203, 204, 206, 300, 304, 305, 404, 410, 429, 500, 503])("is not a %i", async (status) => {
    expect(await bodyOf({ status, body: "x" })).toEqual(failed(`answered ${status}`));
  });

  test("may be as large as the limit, not a byte larger", async () => {
    expect(await bodyOf({ body: "x".repeat(MAX_BYTES) })).toHaveLength(MAX_BYTES);
    expect(await bodyOf({ body: "x".repeat(MAX_BYTES + 1) })).toEqual(failed("larger than 1000 bytes"));
    expect(await bodyOf({ body: "x".repeat(MAX_BYTES * 9) })).toEqual(failed("larger than 1000 bytes"));
  });

  test("is never an answer that broke off", async () => {
    expect(await bodyOf({ body: "half", isCut: true })).toEqual(failed("answered 200 but broke off after 4 bytes"));
  });

  test("a failed exchange is told in one line", async () => {
    expect((await ask({})).answer).toEqual(failed(`refused: nobody listens at ${TOPIC}`));
  });

  test("an abort ends the fetch", async () => {
    const { answer } = await ask({ [TOPIC]: {} }, { signal: AbortSignal.abort() });
    expect(answer).toEqual({ kind: "hindered", reason: "aborted: the hub stops" });
  });

  test.each([
    { failure: "exhausted", kind: "hindered" },
    { failure: "aborted", kind: "hindered" },
    { failure: "unresolved", kind: "failed" },
    { failure: "refused", kind: "failed" },
    { failure: "timeout", kind: "failed" },
  ] as const)(
    "an exchange that came to nothing ($failure) is $kind, also after a redirect",
    async ({ failure, kind }) => {
      const told = { kind, reason: `${failure}: no luck` };
      expect((await ask({ [TOPIC]: { failure } })).answer).toEqual(told);
      expect((await ask({ [TOPIC]: hop("/end"), "https://blog.example/end": { failure } })).answer).toEqual(told);
    },
  );
});

describe("RFC 9110 §13 conditional requests", () => {
  test("304 leaves everything as it was, validators too", async () => {
    const page = { status: 304, headers: { etag: '"another"' } };
    const { answer } = await ask({ [TOPIC]: page }, { validators: VALIDATORS });
    expect(answer).toEqual({ kind: "not_modified", validators: VALIDATORS });
  });

  test("304 to an unconditional request is no answer", async () => {
    expect((await ask({ [TOPIC]: { status: 304 } })).answer).toEqual(failed("answered 304"));
  });
});

describe("§6.1 redirects", () => {
  const END = "https://blog.example/end";

  test.each([301, 302, 303, 307, 308])("%i is followed, validators included", async (status) => {
    const pages = {
      [TOPIC]: { status, headers: { location: "/end#part" } },
      [END]: { headers: { link: "<h>; rel=hub" } },
    };
    const { answer, requests } = await ask(pages, { validators: VALIDATORS });
    expect(answer).toMatchObject({ finalUrl: END, content: { links: { hubs: ["https://blog.example/h"] } } });
    expect(requests[1]?.headers).toEqual(requests[0]?.headers);
  });

  test("from another URL to which the topic moved, 304 counts too", async () => {
    const pages = { [TOPIC]: { status: 301, headers: { location: END } }, [END]: { status: 304 } };
    expect((await ask(pages, { validators: VALIDATORS })).answer.kind).toBe("not_modified");
  });

  test("five are followed, the sixth is not; a loop ends the same way", async () => {
    const chain = {
      [TOPIC]: hop("/1"),
      ...Object.fromEntries([1, 2, 3, 4].map((i) => [`https://blog.example/${i}`, hop(`/${i + 1}`)])),
    };
    expect((await ask({ ...chain, "https://blog.example/5": {} })).answer.kind).toBe("content");
    expect((await ask({ ...chain, "https://blog.example/5": hop("/6") })).answer).toEqual(
      failed("more than 5 redirects"),
    );
    const { answer, requests } = await ask({ [TOPIC]: hop(TOPIC) });
    expect(answer).toEqual(failed("more than 5 redirects"));
    expect(requests).toHaveLength(6);
  });

  test.each([
    ["http://blog.example/", "answered 302 with a Location that leads from https to http"],
    ["//user@blog.example/", "answered 302 with a Location that holds a user name or password"],
    ["file:///etc/passwd", "answered 302 with a Location that is neither http nor https"],
    ["https://", "answered 302 without a usable Location"],
    [undefined, "answered 302 without a usable Location"],
  ])("to %s is refused", async (location, reason) => {
    const page = { status: 302, headers: location === undefined ? {} : { location } };
    const { answer, requests } = await ask({ [TOPIC]: page });
    expect(answer).toEqual(failed(reason));
    expect(requests).toHaveLength(1);
  });

  test("all hops share one wall clock of 20 s", async () => {
    let nowMs = 5_000.5;
    const slow = { status: 302, headers: { location: TOPIC }, asked: () => (nowMs += 8_000) };
    const { answer, requests } = await ask({ [TOPIC]: slow }, { monotonicMs: () => nowMs });
    expect(answer).toEqual(failed("no answer within 20 s"));
    expect(requests.map((request) => request.wallClockMs)).toEqual([20_000, 12_000, 4_000]);
  });
});

describe("a body that is encoded although identity was asked for", () => {
  const text = Buffer.from("content ".repeat(100));
  const bomb = Buffer.alloc(50_000);

  test.each([
    ["gzip", gzipSync],
    ["x-gzip", gzipSync],
    ["GZip, identity", gzipSync],
    ["deflate", deflateSync],
    ["deflate", deflateRawSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
    ["identity", unchanged],
    ["", unchanged],
  ])("%s is taken off", async (coding, encode) => {
    const headers = { "content-encoding": coding };
    expect(await bodyOf({ headers, body: encode(text) })).toEqual(text);
    expect(await bodyOf({ headers, body: "" })).toEqual(Buffer.alloc(0));
  });

  test.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["deflate", deflateRawSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
  ])("%s: bombs, cut and garbled bodies are failures", async (coding, encode) => {
    const headers = { "content-encoding": coding };
    const encoded = encode(text);
    const garbled = failed(`answered 200 but the body is not valid ${coding}`);
    expect(await bodyOf({ headers, body: encode(bomb) })).toEqual(
      failed("answered 200 but the decoded body is larger than 1000 bytes"),
    );
    expect(await bodyOf({ headers, body: encoded.subarray(0, -1) })).toEqual(garbled);
    expect(await bodyOf({ headers, body: Buffer.concat([encoded, Buffer.from("more")]) })).toEqual(garbled);
    expect(await bodyOf({ headers, body: "\xff plain text" })).toEqual(garbled);
  });

  test("gzip in several members is read whole", async () => {
    const body = Buffer.concat([gzipSync("a"), gzipSync("b")]);
    expect(await bodyOf({ headers: { "content-encoding": "gzip" }, body })).toEqual(Buffer.from("ab"));
  });

  test.each([
    ["gzip, gzip", "answered 200 but the body has more than one content coding"],
    ["br,br,br", "answered 200 but the body has more than one content coding"],
    ["compress", "answered 200 but the body has an unknown content coding"],
  ])("%s is a failure", async (coding, reason) => {
    expect(await bodyOf({ headers: { "content-encoding": coding }, body: gzipSync(gzipSync(text)) })).toEqual(
      failed(reason),
    );
  });
});
