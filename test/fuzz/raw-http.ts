import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as fc from "fast-check";

import { type HubProcess, startHubProcess } from "../support/hub-process.ts";
import { type Vitals, watchVitals } from "../support/vitals.ts";
import { mutations } from "./mutations.ts";
import type { Target } from "./target.ts";

const form = "Host: hub\r\nContent-Type: application/x-www-form-urlencoded\r\n";
const ping = "hub.mode=publish&hub.url=http://127.0.0.1:2/";
const corpus = [
  "GET / HTTP/1.1\r\nHost: hub\r\nAccept: text/html\r\n\r\n",
  "GET /readyz HTTP/1.0\r\n\r\n",
  `POST / HTTP/1.1\r\n${form}Content-Length: ${ping.length}\r\n\r\n${ping}`,
  `POST /hub HTTP/1.1\r\n${form}Transfer-Encoding: chunked\r\n\r\n${ping.length.toString(16)}\r\n${ping}\r\n0\r\n\r\n`,
  `POST /publish?${ping} HTTP/1.1\r\n${form}Content-Length: 0\r\n\r\nGET /livez HTTP/1.1\r\nHost: hub\r\n\r\n`,
  "GET /metrics HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
];
const pieces = [
  "Content-Length: 5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: identity, chunked\r\n",
  "Host: evil.example\r\n",
  "Expect: 100-continue\r\n",
  "0\r\n\r\n",
  "\r\n\r\n",
  "HTTP/2.0",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  " HTTP/1.1\r\n",
  "hub.mode=subscribe&hub.callback=http://127.0.0.1:2/&hub.topic=http://127.0.0.1:2/t&",
];

/** Statuses the hub may give a stranger; 500 is none of them. */
const expected = [100, 200, 202, 204, 303, 400, 401, 403, 404, 405, 408, 413, 414, 415, 417, 429, 431, 503, 505];

/** Bytes like those of HTTP, sent to a hub that runs in a process of its own. */
export const rawHttp: Target = {
  name: "raw-http",
  async open() {
    const folder = await mkdtemp(join(tmpdir(), "carillon-fuzz-"));
    const settings = { DATABASE_URL: `file:${join(folder, "carillon.db")}`, LOG_LEVEL: "silent" };
    const hub = await startHubProcess(settings);
    const vitals = await watchVitals(hub);
    const property = fc.asyncProperty(mutations(corpus, pieces), fc.nat(), (text, seed) => check(hub, text, seed));
    return {
      property,
      async [Symbol.asyncDispose]() {
        const seen = await vitals.done();
        const code = await hub.end("SIGTERM");
        await rm(folder, { recursive: true });
        assertWell(seen, code);
      },
    };
  },
};

function assertWell({ mostMb, slowestMs }: Vitals, code: number | null): void {
  if (code !== 0) throw new Error(`the hub ended with ${code}`);
  if (mostMb >= 300) throw new Error(`the hub took ${mostMb} MB`);
  if (slowestMs >= 100) throw new Error(`the hub's health took ${slowestMs} ms`);
}

async function check(hub: HubProcess, text: string, seed: number): Promise<void> {
  const bytes = Buffer.from(text, "latin1");
  const answer = await exchange(hub.url, bytes, seed);
  for (const [, status = ""] of answer.matchAll(/^HTTP\/1\.1 (\d+) .*\r$/gm)) {
    if (!expected.includes(Number(status))) throw new Error(`the hub answered ${status}`);
  }
  if (answer !== "" && !answer.startsWith("HTTP/1.1 ")) throw new Error(`no answer: ${answer.slice(0, 80)}`);
}

/** From an address of its own each time: who floods a hub is shut out by it for a minute. */
function exchange(url: string, bytes: Buffer, seed: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const { hostname, port } = new URL(url);
  const localAddress = `127.1.${(seed >> 8) % 256}.${(seed % 254) + 1}`;
  const parts: Buffer[] = [];
  const socket = connect({ host: hostname, port: Number(port), localAddress }, () => socket.end(bytes));
  socket.on("data", (part) => parts.push(part));
  socket.on("error", () => undefined); // it may be cut off
  socket.on("close", () => resolve(Buffer.concat(parts).toString("latin1")));
  return promise;
}
