import { once } from "node:events";
import { connect, type Socket } from "node:net";

import { expect, test } from "vitest";

import { systemClock } from "../../src/clock.ts";
import { plainAnswer, send } from "../../src/http/answer.ts";
import { createClients } from "../../src/http/clients.ts";
import { createReadText } from "../../src/http/form.ts";
import { listen, type Listening, type ListenOptions } from "../../src/http/listen.ts";
import { createRateLimit } from "../../src/http/rate-limit.ts";
import { until } from "../support/until.ts";

type Options = Partial<ListenOptions> & { readonly trustProxyCidrs?: readonly string[] };

/** A listener that answers what it has read of a form. */
function openListener({ trustProxyCidrs = [], ...options }: Options = {}): Promise<Listening> {
  const readText = createReadText();
  return listen({
    host: "127.0.0.1",
    port: 0,
    clients: createClients(trustProxyCidrs, { warn: () => undefined }),
    limit: createRateLimit(systemClock, 0),
    countAnswer: () => undefined,
    clock: systemClock,
    mostConnections: 4096,
    serve: (request, response) => {
      void readText(request).then(
        (text) => send(response, plainAnswer(200, `${text.length} bytes`)),
        (error: unknown) => send(response, plainAnswer(503, String(error))),
      );
    },
    ...options,
  });
}

type Client = { readonly socket: Socket; readonly ended: Promise<string> };

/** Resolves once connected, or reset. `ended`: what came back until the connection was closed, or `reset`. */
async function openClient({ port }: Listening, from = "127.0.0.1"): Promise<Client> {
  const socket = connect({ host: "127.0.0.1", port, localAddress: from });
  let text = "";
  let isReset = false;
  socket.setEncoding("latin1").on("data", (part: string) => {
    text += part;
  });
  socket.on("error", () => {
    isReset = true;
  });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const ended = closed.then(() => (isReset && text === "" ? "reset" : text));
  await once(socket, "connect").catch(() => undefined);
  return { socket, ended };
}

const get = "GET / HTTP/1.1\r\nHost: hub\r\n";
const post = "POST / HTTP/1.1\r\nHost: hub\r\n";

// The real clock: what is to be seen is that the timeouts are set, and that no way of being slow gets round them.
test("clients that are slow, in whatever way, are cut off, and others are served meanwhile", async () => {
  const patience = {
    headersTimeout: 600,
    requestTimeout: 1200,
    keepAliveTimeout: 300,
    timeout: 2400,
    connectionsCheckingInterval: 100,
  };
  await using listening = await openListener({ patience });
  const tooSlow = [
    { what: "says nothing", first: "", drip: "" },
    { what: "drips a header", first: get, drip: "x" },
    { what: "drips header fields", first: get, drip: "a: b\r\n" },
    { what: "drips blank lines", first: "", drip: "\r\n" },
    { what: "drips a request line", first: "GET /", drip: "x" },
    { what: "says no more after half a header", first: get, drip: "" },
    { what: "drips a body", first: `${post}Content-Length: 9999\r\n\r\n`, drip: "x" },
    { what: "drips chunks", first: `${post}Transfer-Encoding: chunked\r\n\r\n`, drip: "1\r\nx\r\n" },
    { what: "drips a chunk's extension", first: `${post}Transfer-Encoding: chunked\r\n\r\n5;`, drip: "x" },
    { what: "drips trailers", first: `${post}Transfer-Encoding: chunked\r\n\r\n0\r\n`, drip: "a: b\r\n" },
    {
      what: "waits for a word and says nothing",
      first: `${post}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n`,
      drip: "",
    },
    { what: "drips a body nobody wants", first: `${get}Content-Length: 9999\r\n\r\n`, drip: "x" },
  ];
  const idle = await openClient(listening);
  idle.socket.write(`${get}\r\n`);
  const startedMs = performance.now();
  const clients = await Promise.all(
    tooSlow.map(async ({ what, first, drip }) => {
      const { socket, ended } = await openClient(listening);
      if (first !== "") socket.write(first);
      const dripping = setInterval(() => void (drip !== "" && !socket.destroyed && socket.write(drip)), 50);
      const text = await ended;
      clearInterval(dripping);
      return { what, text, afterMs: performance.now() - startedMs };
    }),
  );
  for (const { what, text, afterMs } of clients) {
    expect([what, text]).toEqual([
      what,
      expect.stringMatching(/408 Request Timeout[^]*\r\n\r\nthe request took too long to arrive\n$/),
    ]);
    expect([what, text]).toEqual([what, expect.stringContaining("X-Content-Type-Options: nosniff")]);
    expect(afterMs).toBeLessThan(5000);
  }
  expect(await idle.ended).toMatch(/^HTTP\/1\.1 200 [^]*0 bytes\n$/);
  const { socket, ended } = await openClient(listening);
  socket.write(`${post}Connection: close\r\nContent-Length: 3\r\n\r\nabc`);
  expect(await ended).toMatch(/\r\n\r\n3 bytes\n$/);
});

test("who asks and does not read the answer is cut off too", async () => {
  const patience = { headersTimeout: 100, requestTimeout: 200, keepAliveTimeout: 100, timeout: 300 };
  const { promise: closed, resolve: close } = Promise.withResolvers<boolean>();
  await using listening = await openListener({
    patience: { ...patience, connectionsCheckingInterval: 50 },
    serve(_request, response) {
      response.once("close", () => close(response.writableFinished));
      send(response, plainAnswer(200, "x".repeat(16_000_000))); // more than the system takes in
    },
  });
  const { socket } = await openClient(listening);
  socket.pause().write(`${get}\r\n`);
  expect(await closed).toBe(false);
  socket.destroy();
});

test("one client has 64 connections, or a quarter of all; those beyond are reset, and others have theirs", async () => {
  await using listening = await openListener({ mostConnections: 256 });
  const clients = await Promise.all(Array.from({ length: 64 }, () => openClient(listening)));
  expect(await (await openClient(listening)).ended).toBe("reset");
  const other = await openClient(listening, "127.0.0.2");
  other.socket.write(`${get}Connection: close\r\n\r\n`);
  expect(await other.ended).toMatch(/^HTTP\/1\.1 200 /);

  clients[0]?.socket.end(`${get}Connection: close\r\n\r\n`);
  expect(await clients[0]?.ended).toMatch(/^HTTP\/1\.1 200 /);
  await until(async () => {
    const again = await openClient(listening);
    again.socket.write(`${get}Connection: close\r\n\r\n`);
    return (await again.ended).startsWith("HTTP/1.1 200");
  });
  for (const { socket } of clients) socket.destroy();
});

test("one client has 256 connections, however many all have", async () => {
  await using listening = await openListener({ mostConnections: 10_000 });
  const clients = await Promise.all(Array.from({ length: 256 }, () => openClient(listening)));
  expect(await (await openClient(listening)).ended).toBe("reset");
  clients[0]?.socket.end(`${get}Connection: close\r\n\r\n`);
  expect(await clients[0]?.ended).toMatch(/^HTTP\/1\.1 200 /);
  for (const { socket } of clients) socket.destroy();
});

test("all together have so many connections, and no more; proxies that are believed may have them all", async () => {
  await using listening = await openListener({ mostConnections: 80, trustProxyCidrs: ["127.0.0.0/8"] });
  const clients = await Promise.all(Array.from({ length: 80 }, () => openClient(listening)));
  const oneMore = await openClient(listening);
  expect(["", "reset"]).toContain(await oneMore.ended);
  clients[79]?.socket.end(`${get}Connection: close\r\n\r\n`);
  expect(await clients[79]?.ended).toMatch(/^HTTP\/1\.1 200 /);
  for (const { socket } of clients) socket.destroy();
});

test("forms that stay unfinished hold 32 MiB, then more are refused; those that come in one piece are not", async () => {
  await using listening = await openListener({ trustProxyCidrs: ["127.0.0.0/8"] });
  const unfinished = await Promise.all(
    Array.from({ length: 512 }, async () => {
      const client = await openClient(listening);
      client.socket.write(`${post}Content-Length: 65536\r\n\r\nhalf of it`);
      return client;
    }),
  );
  const oneMore = await openClient(listening);
  oneMore.socket.write(`${post}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`);
  expect(await oneMore.ended).toMatch(/^HTTP\/1\.1 503 .*unfinished forms as it can hold/s);
  const whole = await openClient(listening);
  whole.socket.write(`${post}Connection: close\r\nContent-Length: 3\r\n\r\nabc`);
  expect(await whole.ended).toMatch(/\r\n\r\n3 bytes\n$/);

  // What one of them held is given back, whether it breaks off or is finished.
  unfinished[0]?.socket.destroy();
  unfinished[1]?.socket.end("x".repeat(65_526));
  expect(await unfinished[1]?.ended).toMatch(/65536 bytes\n$/);
  const halves = await Promise.all(Array.from({ length: 2 }, () => openClient(listening)));
  for (const { socket } of halves) socket.write(`${post}Connection: close\r\nContent-Length: 65536\r\n\r\nhalf`);
  await until(() => halves.every(({ socket }) => socket.writableLength === 0));
  for (const { socket } of halves) socket.write("x".repeat(65_532));
  for (const { ended } of halves) expect(await ended).toMatch(/65536 bytes\n$/);
  for (const { socket } of unfinished) socket.destroy();
});
