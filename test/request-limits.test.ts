import { once } from "node:events";
import * as http from "node:http";
import { connect, type Socket } from "node:net";

import { pino } from "pino";
import { expect, test } from "vitest";

import { type RawAnswer, type RawRequest, sendBytes, sendRaw } from "./support/raw-request.ts";
import { toSubscribe } from "./support/requests.ts";
import { openTestHub, type TestHub } from "./support/test-hub.ts";
import { until } from "./support/until.ts";

const formType = { "content-type": "application/x-www-form-urlencoded" };
const ping = { headers: formType, body: "hub.mode=publish&hub.url=http://127.0.0.1:2/" };
const settings = { REQUESTS_PER_MINUTE: "3" };
const behindProxy = { ...settings, TRUST_PROXY_CIDRS: "127.0.0.0/8" };

async function statuses(hub: TestHub, request: RawRequest, count: number): Promise<readonly number[]> {
  const found: number[] = [];
  for (let left = count; left > 0; left -= 1) found.push((await sendRaw(hub.url, request)).status);
  return found;
}

function forwarded(forwardedFor: string, more: Partial<RawRequest> = {}): RawRequest {
  return { ...ping, headers: { ...formType, "x-forwarded-for": forwardedFor }, ...more };
}

test("CARILLON_REQUESTS_PER_MINUTE: beyond it a client gets 429, one sentence, and when to ask again", async () => {
  await using hub = await openTestHub({ settings });
  expect(await statuses(hub, ping, 3)).toEqual([204, 204, 204]);
  const refused = await sendRaw(hub.url, ping);
  expect([refused.status, refused.headers["retry-after"], refused.headers["content-type"], refused.body]).toEqual([
    429,
    "20",
    "text/plain; charset=UTF-8",
    "too many requests come from your address; ask again later\n",
  ]);
  const data = await sendRaw(hub.url, { ...ping, headers: { ...formType, accept: "application/json" } });
  expect(JSON.parse(data.body)).toMatchObject({ status: 429, code: "too_many_requests" });

  hub.clock.advance(20_000);
  expect(await statuses(hub, ping, 2)).toEqual([204, 429]);
});

test("whatever a request is, it counts; but health is told to everybody, always", async () => {
  await using hub = await openTestHub({ settings });
  const odd: readonly RawRequest[] = [{ method: "GET" }, { ...ping, body: "hub.mode=x" }, { path: "/nothing/here" }];
  const answers: RawAnswer[] = [];
  for (const request of odd) answers.push(await sendRaw(hub.url, request));
  expect(answers.map(({ status }) => status)).toEqual([200, 400, 404]);
  for (const request of odd) expect((await sendRaw(hub.url, request)).status).toBe(429);
  for (const path of ["/livez", "/readyz"]) expect(await statuses(hub, { method: "GET", path }, 2)).toEqual([200, 200]);
});

test("one client's limit is nobody else's", async () => {
  await using hub = await openTestHub({ settings });
  expect(await statuses(hub, ping, 4)).toEqual([204, 204, 204, 429]);
  expect(await statuses(hub, { ...ping, from: "127.0.0.2" }, 4)).toEqual([204, 204, 204, 429]);
});

test("CARILLON_TRUST_PROXY_CIDRS: behind a proxy each client has its own limit, and cannot claim another's", async () => {
  await using hub = await openTestHub({ settings: behindProxy });
  expect(await statuses(hub, forwarded("203.0.113.9"), 4)).toEqual([204, 204, 204, 429]);
  expect(await statuses(hub, forwarded("203.0.113.8"), 3)).toEqual([204, 204, 204]);
  expect(await statuses(hub, forwarded("198.51.100.1, 203.0.113.9"), 1)).toEqual([429]);
  expect(await statuses(hub, forwarded("2001:db8::1"), 3)).toEqual([204, 204, 204]);
  expect(await statuses(hub, forwarded("2001:db8::ffff:2"), 1)).toEqual([429]); // the same /64
});

test("an X-Forwarded-For that a proxy lets through harms nobody, however odd it is", async () => {
  await using hub = await openTestHub({ settings: behindProxy });
  for (const odd of ["fe80::1%br-lan", "fe80::1%a.b:c", "[fe80::1%-]:1", "::%x", "1.2.3.4%x", "%"])
    expect([odd, (await sendRaw(hub.url, forwarded(odd))).status]).toEqual([odd, expect.toBeOneOf([204, 429])]);
});

test("an expectation that the hub cannot meet counts like any other request", async () => {
  await using hub = await openTestHub({ settings });
  const odd = { ...ping, headers: { ...formType, expect: "a miracle" } };
  expect(await statuses(hub, odd, 4)).toEqual([417, 417, 417, 429]);
});

test("who is no proxy that is believed is who it is, whatever it claims; the log says so once", async () => {
  const told: string[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => told.push(line) });
  await using hub = await openTestHub({ settings: { ...settings, TRUST_PROXY_CIDRS: "10.0.0.0/8" }, log });
  const claims = ["203.0.113.1", "203.0.113.2", "203.0.113.3", "10.0.0.1"].map((claimed) => forwarded(claimed));
  const answers: number[] = [];
  for (const claim of claims) answers.push((await sendRaw(hub.url, claim)).status);
  expect(answers).toEqual([204, 204, 204, 429]);
  expect(told.filter((line) => line.includes("X-Forwarded-For"))).toEqual([
    expect.stringContaining('"setting":"CARILLON_TRUST_PROXY_CIDRS","peer":"127.0.0.1"'),
  ]);
});

test("the connection of a client over its limit is not read from for a second", async () => {
  await using hub = await openTestHub({ settings: { REQUESTS_PER_MINUTE: "1" } });
  const { write, answers, socket } = await openConnection(hub);
  write("GET / HTTP/1.1\r\nHost: hub\r\n\r\n");
  await answers(1);
  write("GET / HTTP/1.1\r\nHost: hub\r\n\r\n");
  expect((await answers(2)).at(-1)).toContain("429");

  write("GET / HTTP/1.1\r\nHost: hub\r\n\r\n");
  for (let i = 0; i < 3; i += 1) expect((await sendRaw(hub.url, ping)).status).toBe(429);
  expect(await answers(2)).toHaveLength(2); // these came later, and were answered
  hub.clock.advance(1000);
  expect(await answers(3)).toHaveLength(3);
  socket.destroy();
});

test("who sends far too much is told so, and not shut out for it", async () => {
  await using hub = await openTestHub();
  const head = `POST / HTTP/1.1\r\nHost: hub\r\nContent-Type: application/x-www-form-urlencoded\r\n`;
  const chunks = `578\r\n${"x".repeat(1400)}\r\n`.repeat(2000);
  const said = await sendBytes(hub.url, `${head}Transfer-Encoding: chunked\r\n\r\n${chunks}`);
  expect(said).toMatch(/^HTTP\/1\.1 413 /);
  expect(await statuses(hub, ping, 1)).toEqual([204]);
});

test.each([
  { what: "forms of 16,000 fields", body: `hub.mode=x&${"a=1&".repeat(15_000)}`, refused: 413 },
  { what: "questions after its health", path: "/livez", method: "GET", refused: 200 },
])("of 1000 $what over 64 connections the first 100 are looked at, and others are served", async (given) => {
  await using hub = await openTestHub({ settings: { REQUESTS_PER_MINUTE: "100" } });
  const flood = startFlood(hub, given);
  await until(() => flood.answered() === 100 + 64); // the last one of each connection is the one that it rests after
  for (let i = 0; i < 20; i += 1) {
    const form = toSubscribe("http://127.0.0.1:2/", `http://127.0.0.1:2/${i}`);
    const asked = { headers: formType, body: String(new URLSearchParams(form)), from: "127.0.0.2" };
    expect((await sendRaw(hub.url, asked)).status).toBe(202);
  }
  const looked = given.refused === 200 ? { 200: 164 } : { [given.refused]: 100, 429: 64 };
  expect(flood.stop()).toEqual(looked);
});

/** Each of 64 connections asks again as soon as it is answered, 1000 times in all. */
function startFlood(hub: TestHub, { path = "/", method = "POST", body = "" }: RawRequest) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  const { hostname, port } = new URL(hub.url);
  const counts: Record<number, number> = {};
  let answered = 0;
  for (let left = 1000; left > 0; left -= 1) {
    const sending = http.request({ hostname, port, path, method, headers: method === "POST" ? formType : {}, agent });
    sending.on("response", (response) => {
      const { statusCode = 0 } = response.resume();
      counts[statusCode] = (counts[statusCode] ?? 0) + 1;
      answered += 1;
    });
    sending.on("error", () => undefined); // called off at the end
    sending.end(body);
  }
  return {
    answered: () => answered,
    stop() {
      agent.destroy();
      return counts;
    },
  };
}

type Connection = {
  readonly socket: Socket;
  readonly write: (bytes: string) => void;
  /** The status lines so far, once there are so many. */
  readonly answers: (count: number) => Promise<readonly string[]>;
};

async function openConnection(hub: TestHub): Promise<Connection> {
  const { hostname, port } = new URL(hub.url);
  const socket = connect({ host: hostname, port: Number(port) });
  let text = "";
  socket.setEncoding("latin1").on("data", (part: string) => {
    text += part;
  });
  await once(socket, "connect");
  return {
    socket,
    write: (bytes) => void socket.write(bytes),
    async answers(count) {
      for (;;) {
        const found = text.match(/^HTTP\/1\.1 .*$/gm) ?? [];
        if (found.length >= count) return found;
        await once(socket, "data");
      }
    },
  };
}
