import { connect } from "node:net";

import { expect, test } from "vitest";

import { sendBytes, sendRaw } from "./support/raw-request.ts";
import { openTestHub, type TestHub } from "./support/test-hub.ts";
import { until } from "./support/until.ts";

// RFC 9112: what the hub takes for a request at all, and what it says to everything else.

const safe = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "SAMEORIGIN",
};

const form = "Content-Type: application/x-www-form-urlencoded\r\n";
const close = "Connection: close\r\n";
const chunked = "Transfer-Encoding: chunked\r\n";
const ping = "hub.mode=publish&hub.url=http://127.0.0.1:2/";
const asChunks = `${ping.length.toString(16)}\r\n${ping}\r\n0\r\n\r\n`;

function post(head: string, body = ""): string {
  return `POST / HTTP/1.1\r\n${close}${form}${head}\r\n${body}`;
}

type Answer = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string };

/** The answers in what came back, one after the other. */
function parseAnswers(text: string): readonly Answer[] {
  const answers: Answer[] = [];
  for (let rest = text; rest !== "";) {
    const [head = ""] = rest.split("\r\n\r\n", 1);
    const [statusLine = "", ...lines] = head.split("\r\n");
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]),
    );
    const start = head.length + 4;
    const end = start + Number(headers["content-length"] ?? 0);
    answers.push({ status: Number(statusLine.split(" ")[1]), headers, body: rest.slice(start, end) });
    rest = rest.slice(end);
  }
  return answers;
}

async function proveAlive(hub: TestHub): Promise<void> {
  expect((await sendRaw(hub.url, { method: "GET", path: "/livez", from: "127.0.0.9" })).body).toBe("ok\n");
}

test.each([
  { what: "no Host", bytes: "GET / HTTP/1.1\r\n\r\n", says: "Host is missing; a request must have one" },
  {
    what: "two Hosts",
    bytes: post("Host: hub\r\nHost: hub\r\n"),
    says: "the request has 2 Host fields; it must have one",
  },
  {
    what: "a Host that is none",
    bytes: post("Host: a b<>\r\n"),
    says: 'Host "a b<>" must be a host, with a port or without',
  },
  {
    what: "a user in Host",
    bytes: post("Host: me@hub\r\n"),
    says: 'Host "me@hub" must be a host, with a port or without',
  },
  {
    what: "a coding before chunked",
    bytes: post("Host: hub\r\nTransfer-Encoding: identity, chunked\r\n", asChunks),
    says: 'Transfer-Encoding "identity, chunked" must be chunked',
  },
  {
    what: "an unknown coding",
    bytes: post("Host: hub\r\nTransfer-Encoding: xchunked\r\n", asChunks),
    says: 'Transfer-Encoding "xchunked" must be chunked',
  },
  {
    what: "chunks in a GET",
    bytes: `GET / HTTP/1.1\r\nHost: hub\r\n${chunked}\r\n0\r\n\r\n`,
    says: "Transfer-Encoding does not go with GET: only a POST has a body here",
  },
  {
    what: "chunks in HTTP/1.0",
    bytes: `POST / HTTP/1.0\r\n${form}${chunked}\r\n${asChunks}`,
    says: "Transfer-Encoding does not go with HTTP/1.0",
  },
  ...[
    { what: "a length and chunks", bytes: post(`Host: hub\r\n${chunked}Content-Length: 3\r\n`, "0\r\n\r\n") },
    { what: "two lengths", bytes: post("Host: hub\r\nContent-Length: 3\r\nContent-Length: 3\r\n", "a=b") },
    { what: "a list of lengths", bytes: post("Host: hub\r\nContent-Length: 3, 3\r\n", "a=b") },
    { what: "a length with a sign", bytes: post("Host: hub\r\nContent-Length: +3\r\n", "a=b") },
    { what: "chunked twice", bytes: post(`Host: hub\r\n${chunked}${chunked}`, asChunks) },
    { what: "a blank before the colon", bytes: post("Host: hub\r\nTransfer-Encoding : chunked\r\n", asChunks) },
    { what: "a folded field", bytes: post("Host: hub\r\nTransfer-Encoding:\r\n chunked\r\n", asChunks) },
    { what: "a chunk size in C", bytes: post(`Host: hub\r\n${chunked}`, "0x3\r\na=b\r\n0\r\n\r\n") },
    { what: "lines that end in LF", bytes: "GET / HTTP/1.1\nHost: hub\n\n" },
    { what: "the preface of HTTP/2", bytes: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
  ].map((one) => ({ ...one, says: "this is not an HTTP request that the hub understands" })),
])("a request with $what is refused, and its connection closed", async ({ bytes, says }) => {
  await using hub = await openTestHub();
  const [answer, ...more] = parseAnswers(await sendBytes(hub.url, bytes));
  expect([answer?.status, answer?.body]).toEqual([400, `${says}\n`]);
  expect(answer?.headers).toMatchObject({ ...safe, "content-type": "text/plain; charset=UTF-8", connection: "close" });
  expect(more).toEqual([]);
});

test.each([
  { what: "a header of 17 KiB", bytes: `GET / HTTP/1.1\r\nHost: hub\r\nX: ${"y".repeat(17_000)}\r\n\r\n`, status: 431 },
  {
    what: "extensions of chunks of 17 KiB",
    bytes: post(`Host: hub\r\n${chunked}`, `5;${"a".repeat(17_000)}\r\nhello\r\n0\r\n\r\n`),
    status: 413,
  },
  {
    what: "an expectation",
    bytes: post("Host: hub\r\nExpect: a miracle\r\nContent-Length: 3\r\n", "a=b"),
    status: 417,
  },
])("$what gets $status and a sentence", async ({ bytes, status }) => {
  await using hub = await openTestHub();
  const [answer] = parseAnswers(await sendBytes(hub.url, bytes));
  expect(answer?.status).toBe(status);
  expect(answer?.headers).toMatchObject({ ...safe, "content-type": "text/plain; charset=UTF-8", connection: "close" });
  expect(answer?.body).toMatch(/^[A-Za-z][^\n]+\n$/);
});

test.each([
  { what: "HTTP/1.0 without Host", bytes: "GET /livez HTTP/1.0\r\n\r\n", status: 200 },
  { what: "an empty Host", bytes: `GET /livez HTTP/1.1\r\nHost:\r\n${close}\r\n`, status: 200 },
  { what: "an IPv6 Host", bytes: `GET /livez HTTP/1.1\r\nHost: [::1]:80\r\n${close}\r\n`, status: 200 },
  { what: "chunks", bytes: post(`Host: hub\r\n${chunked}`, asChunks), status: 204 },
  { what: "an absolute target", bytes: post(`Host: hub\r\nContent-Length: ${ping.length}\r\n`, ping), status: 204 },
])("a request with $what is a good one", async ({ what, bytes, status }) => {
  await using hub = await openTestHub();
  const sent = what === "an absolute target" ? bytes.replace("POST / ", "POST http://evil.example/hub ") : bytes;
  expect(parseAnswers(await sendBytes(hub.url, sent)).map((answer) => answer.status)).toEqual([status]);
});

test("who waits with a body for the hub's word gets it, unless the request is refused", async () => {
  await using hub = await openTestHub({ settings: { REQUESTS_PER_MINUTE: "1" } });
  const head = post(`Host: hub\r\nExpect: 100-continue\r\nContent-Length: ${ping.length}\r\n`);
  expect(await sendBytes(hub.url, head + ping)).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 204 /);
  expect(await sendBytes(hub.url, head)).toMatch(/^HTTP\/1\.1 429 /);
});

test("every answer has the same security headers, and is plain text or says what it is", async () => {
  await using hub = await openTestHub({ settings: { REQUESTS_PER_MINUTE: "14", ADMIN_TOKEN: "t".repeat(32) } });
  const types = { "content-type": "application/x-www-form-urlencoded" };
  const to = { "hub.topic": "http://127.0.0.1:2/", "hub.callback": "http://127.0.0.1:2/" };
  const asked = (more: Record<string, string>) => String(new URLSearchParams({ ...to, ...more }));
  const requests = [
    { status: 200, method: "GET", path: "/" },
    { status: 200, method: "HEAD", path: "/hub" },
    { status: 200, method: "GET", path: "/livez" },
    { status: 200, method: "GET", path: "/readyz" },
    { status: 200, method: "GET", path: "/metrics", headers: { authorization: `Bearer ${"t".repeat(32)}` } },
    { status: 202, headers: types, body: asked({ "hub.mode": "subscribe" }) },
    { status: 204, headers: types, body: ping },
    { status: 400, headers: types, body: asked({ "hub.mode": "x" }) },
    { status: 400, headers: { ...types, accept: "application/json" }, body: "" },
    { status: 401, method: "GET", path: "/metrics" },
    { status: 403, headers: types, body: asked({ "hub.mode": "subscribe", "hub.callback": "http://10.0.0.1/" }) },
    { status: 404, method: "GET", path: "/nothing" },
    { status: 405, method: "DELETE", path: "/" },
    { status: 413, headers: types, body: "x".repeat(70_000) },
    { status: 429, method: "GET", path: "/" },
  ];
  for (const { status, ...request } of requests) {
    const answer = await sendRaw(hub.url, request);
    expect([answer.status, request]).toEqual([status, request]);
    expect(answer.headers).toMatchObject(safe);
    const isTyped = /^text\/plain|\/problem\+json$/.test(String(answer.headers["content-type"]));
    expect([isTyped, request]).toEqual([![202, 204].includes(status), request]);
  }
});

test("Host is never believed: whatever a request calls the hub, the answer is the same", async () => {
  await using hub = await openTestHub();
  const plain = await sendRaw(hub.url, { method: "GET" });
  expect(plain.body).toContain(hub.url);
  for (const headers of [{ host: "evil.example" }, { host: "hub", "x-forwarded-host": "evil.example" }]) {
    expect((await sendRaw(hub.url, { method: "GET", headers })).body).toBe(plain.body);
  }
  expect((await sendRaw(hub.url, { method: "GET", path: "http://evil.example/" })).body).toBe(plain.body);
});

test("requests that do not wait for answers are not all answered; who sends them has no connection for a minute", async () => {
  await using hub = await openTestHub();
  const idle = connect({ host: "127.0.0.1", port: Number(new URL(hub.url).port) }).on("error", () => undefined);
  const many = "GET / HTTP/1.1\r\nHost: hub\r\n\r\n".repeat(1000);
  expect(parseAnswers(await sendBytes(hub.url, many)).length).toBeLessThan(10);
  await until(() => idle.destroyed);
  await expect(sendRaw(hub.url, { method: "GET" })).rejects.toThrow("ECONNRESET");
  await proveAlive(hub); // for others

  hub.clock.advance(60_000);
  const few = "GET /livez HTTP/1.1\r\nHost: hub\r\n\r\n".repeat(8) + `GET / HTTP/1.1\r\nHost: hub\r\n${close}\r\n`;
  expect(parseAnswers(await sendBytes(hub.url, few)).map(({ status }) => status)).toEqual(Array(9).fill(200));
});

test.each(["/", "/nothing"])("POST %s: a body in thousands of chunks is a flood", async (path) => {
  await using hub = await openTestHub();
  const head = `POST ${path} HTTP/1.1\r\nHost: hub\r\n${chunked}\r\n`;
  const fine = await sendBytes(hub.url, `${head.replace("Host", `${close}Host`)}${"1\r\nx\r\n".repeat(1000)}0\r\n\r\n`);
  expect(fine).toMatch(/^HTTP\/1\.1 40[04] /);
  await sendBytes(hub.url, head + "1\r\nx\r\n".repeat(20_000));
  await expect(sendRaw(hub.url, { method: "GET" })).rejects.toThrow("ECONNRESET");
  await proveAlive(hub); // for others
});
