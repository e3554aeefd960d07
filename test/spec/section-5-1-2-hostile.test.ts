import * as fc from "fast-check";
import { expect, test } from "vitest";

import { sendBytes, sendRaw } from "../support/raw-request.ts";
import { toSubscribe } from "../support/requests.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestHub, type TestHub } from "../support/test-hub.ts";

const nobody = "http://127.0.0.1:2/";
const formType = { "content-type": "application/x-www-form-urlencoded" };
const chunked = { ...formType, "transfer-encoding": "chunked" };

/** A good request of exactly `bytes` bytes. */
function formOf(bytes: number, callback = nobody): string {
  const form = `${String(new URLSearchParams(toSubscribe(nobody, callback)))}&pad=`;
  return form + "x".repeat(bytes - form.length);
}

async function proveAlive(hub: TestHub): Promise<void> {
  await using subscriber = await openSubscriber();
  await hub.subscribe(nobody, subscriber.callback());
  expect(subscriber.verifications).toHaveLength(1);
}

test.each([
  ["with a length", formType],
  ["in chunks", chunked],
])("§5.1.2 a form may have 64 KiB and no more: %s", async (_, headers) => {
  await using hub = await openTestHub();
  expect((await sendRaw(hub.url, { headers, body: formOf(65_536) })).status).toBe(202);
  for (const size of [65_537, 3_000_000]) {
    const answer = await sendRaw(hub.url, { headers, body: formOf(size) });
    expect([answer.status, answer.body]).toEqual([413, "the request body exceeds 64 KiB\n"]);
    expect(answer.headers["content-type"]).toMatch(/^text\/plain/);
  }
  await proveAlive(hub);
});

test("§5.1.2 a form may have 512 fields and no more", async () => {
  await using hub = await openTestHub();
  const form = String(new URLSearchParams(toSubscribe(nobody, nobody)));
  const fields = (count: number) => form + "&a=".repeat(count - 3);
  expect((await sendRaw(hub.url, { headers: formType, body: fields(512) })).status).toBe(202);
  const answer = await sendRaw(hub.url, { headers: formType, body: fields(513) });
  expect([answer.status, answer.body]).toEqual([413, "the form has more than 512 fields\n"]);
});

test("§5.1.2 the query string too may have 512 fields and no more", async () => {
  await using hub = await openTestHub();
  const path = (count: number) => `/?hub.mode=publish&hub.url=${nobody}${"&a=".repeat(count - 2)}`;
  expect((await sendRaw(hub.url, { path: path(512) })).status).toBe(204);
  expect((await sendRaw(hub.url, { path: path(513) })).status).toBe(413);
});

test.each([
  ["a bad escape", "hub.secret=%zz"],
  ["half an escape", "hub.secret=%F"],
  ["an escape that is not UTF-8", "hub.secret=%FF%FE"],
  ["an overlong escape", "hub.secret=%C0%80"],
  ["a surrogate", "hub.secret=%ED%A0%80"],
  ["a bad escape in a name", "%zz=1"],
])("§5.1.2 a form with %s is refused, not mended", async (_, field) => {
  await using hub = await openTestHub();
  const body = `${String(new URLSearchParams(toSubscribe(nobody, nobody)))}&${field}`;
  const answer = await sendRaw(hub.url, { headers: formType, body });
  expect([answer.status, answer.body]).toEqual([400, "the form is not percent-encoded UTF-8\n"]);
});

test("§5.1.2 bytes that are not UTF-8 are refused, not mended", async () => {
  await using hub = await openTestHub();
  const body = Buffer.concat([
    Buffer.from(String(new URLSearchParams(toSubscribe(nobody, nobody)))),
    Buffer.from([0xff]),
  ]);
  const answer = await sendRaw(hub.url, { headers: formType, body });
  expect([answer.status, answer.body]).toEqual([400, "the request body is not UTF-8, or broke off\n"]);
});

test.each([
  ["a body that breaks off", "Content-Length: 100\r\n\r\nhub.mode=subscribe"],
  ["a chunked body that breaks off", "Transfer-Encoding: chunked\r\n\r\n8\r\nhub.mode\r\n"],
  ["a chunk of no size", "Transfer-Encoding: chunked\r\n\r\nzz\r\nhub.mode\r\n0\r\n\r\n"],
  ["two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"],
  ["a length and chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["a negative length", "Content-Length: -1\r\n\r\n"],
])("§5.1.2 %s does no harm and gets no 5xx", async (_, rest) => {
  await using hub = await openTestHub();
  const head =
    "POST / HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n";
  const answer = await sendBytes(hub.url, head + rest, { end: true });
  expect(answer).toMatch(/^$|^HTTP\/1\.1 400 /);
  await proveAlive(hub);
});

test.each([
  "NOT HTTP\r\n\r\n",
  "\u0016\u0003\u0001\u0002\u0000\u0001",
  "GET / HTTP/9.9\r\n\r\n",
  "POST /\u0000 HTTP/1.1\r\nHost: x\r\n\r\n",
])("§5.1.2 bytes that are no HTTP request do no harm: %j", async (bytes) => {
  await using hub = await openTestHub();
  expect(await sendBytes(hub.url, bytes, { end: true })).toMatch(/^$|^HTTP\/1\.1 [45]\d\d /);
  await proveAlive(hub);
});

test.each(["//evil.example/", "/..//", "/%", "/%00", "http://other.example/hub", "*", "/hub/../../etc/passwd"])(
  "§5.1.2 the odd request target %j does no harm",
  async (path) => {
    await using hub = await openTestHub();
    const answer = await sendRaw(hub.url, { path, headers: formType, body: "hub.mode=x" });
    expect([400, 404]).toContain(answer.status);
    await proveAlive(hub);
  },
);

test("§5.1.2 whatever a body holds, the answer is a 4xx in plain text", async () => {
  await using hub = await openTestHub();
  const name = fc.oneof(
    fc.constantFrom("hub.mode", "hub.topic", "hub.callback", "hub.secret", "hub.lease_seconds"),
    fc.string(),
  );
  const value = fc.oneof(
    fc.constantFrom("subscribe", "unsubscribe", "publish", nobody),
    fc.string({ unit: "binary" }),
    fc.webUrl(),
  );
  // Without hub.mode first, nothing that follows could make a good request of it but chance.
  const form = fc.array(fc.tuple(name, value)).map((fields) => `hub.mode=${encodeForm([...fields, ["x", "<b>"]])}`);
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    form,
    fc.json(),
  );

  await fc.assert(
    fc.asyncProperty(body, fc.boolean(), async (sent, inChunks) => {
      const answer = await sendRaw(hub.url, { headers: inChunks ? chunked : formType, body: sent });
      expect([400, 403, 413]).toContain(answer.status);
      expect(answer.headers["content-type"]).toMatch(/^text\/plain/);
      expect(answer.headers["x-content-type-options"]).toBe("nosniff");
      expect(answer.body).toMatch(/^[^\n]+\n$/);
    }),
    { numRuns: 200 },
  );
  await proveAlive(hub);
});

function encodeForm(fields: readonly (readonly [string, string])[]): string {
  return fields
    .map(([name, value]) => `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`)
    .join("&");
}
