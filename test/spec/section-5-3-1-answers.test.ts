import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { expect, test } from "vitest";

import type { Answer, Answering } from "../support/peer.ts";
import { openPublisher } from "../support/publisher.ts";
import { toSubscribe } from "../support/requests.ts";
import { echo, openSubscriber, parameters } from "../support/subscriber.ts";
import { openTestHub, type TestHub } from "../support/test-hub.ts";

const topic = "http://127.0.0.1:2/feed";

function answering(answer: (challenge: string) => Answer): Answering {
  return (request) => answer(parameters(request).get("hub.challenge") ?? "");
}

/** Whether a callback that gives this answer is subscribed then, and how often it was asked within 10 minutes. */
async function tryAnswer(verify: Answering): Promise<{ readonly subscribed: boolean; readonly asked: number }> {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  await using subscriber = await openSubscriber({ verify });
  publisher.serve("/feed", { body: "content" });
  await hub.subscribe(publisher.topic("/feed"), subscriber.callback());
  for (const ms of [10_000, 60_000, 600_000]) await hub.pass(ms);
  await hub.publish(publisher.topic("/feed"));
  return { subscribed: subscriber.deliveries.length > 0, asked: subscriber.verifications.length };
}

test.each<[string, (challenge: string) => Answer]>([
  ["200", (body) => ({ body })],
  ["201", (body) => ({ status: 201, body })],
  ["202", (body) => ({ status: 202, body })],
  ["203", (body) => ({ status: 203, body })],
  ["206", (body) => ({ status: 206, body })],
  ["226", (body) => ({ status: 226, body })],
  ["200 with a length", (body) => ({ headers: { "content-length": String(body.length) }, body })],
  ["200 as text/html", (body) => ({ headers: { "content-type": "text/html" }, body })],
  ["200 with a line break after it", (body) => ({ body: `${body}\r\n` })],
  ["200 with white space around it", (body) => ({ body: ` \n${body}\t ` })],
  ["200 in double quotes", (body) => ({ body: `"${body}"` })],
  ["200 in double quotes and white space", (body) => ({ body: `"${body}"\n` })],
])("§5.3.1 the challenge in a 2xx confirms: %s", async (_, answer) => {
  expect(await tryAnswer(answering(answer))).toEqual({ subscribed: true, asked: 1 });
});

test.each<[string, (challenge: string) => Answer]>([
  ["empty", () => ({ body: "" })],
  ["204", () => ({ status: 204 })],
  ["another challenge", (body) => ({ body: body.split("").toReversed().join("") })],
  [
    "a challenge in other case",
    (body) => ({ body: body === body.toLowerCase() ? body.toUpperCase() : body.toLowerCase() }),
  ],
  ["the start of the challenge", (body) => ({ body: body.slice(0, -1) })],
  ["more after the challenge", (body) => ({ body: `${body}x` })],
  ["more before the challenge", (body) => ({ body: `x${body}` })],
  ["the challenge twice", (body) => ({ body: body + body })],
  ["the challenge in two lines", (body) => ({ body: `${body}\n${body}` })],
  ["the challenge in HTML", (body) => ({ body: `<html>${body}</html>` })],
  ["the challenge in JSON", (body) => ({ body: JSON.stringify({ challenge: body }) })],
  ["two pairs of quotes", (body) => ({ body: `""${body}""` })],
  ["one quote", (body) => ({ body: `"${body}` })],
  ["white space within the quotes", (body) => ({ body: `" ${body}"` })],
  ["the query", (body) => ({ body: `hub.challenge=${body}` })],
  ["the challenge and 1 MB of spaces", (body) => ({ body: body + " ".repeat(1_000_000) })],
])("§5.3.1 a 2xx with anything else does not confirm, and is final: %s", async (_, answer) => {
  expect(await tryAnswer(answering(answer))).toEqual({ subscribed: false, asked: 1 });
});

test.each([300, 301, 302, 303, 304, 307, 308, 400, 401, 404, 410, 422, 429])(
  "§5.3.1 %d does not confirm, whatever its body, and is final",
  async (status) => {
    expect(await tryAnswer(answering((body) => ({ status, body })))).toEqual({ subscribed: false, asked: 1 });
  },
);

test.each([301, 302, 303, 307, 308])("§5.3.1 a redirect with %d is not followed", async (status) => {
  await using hub = await openTestHub();
  await using elsewhere = await openSubscriber();
  await using subscriber = await openSubscriber({
    verify: () => ({ status, headers: { location: elsewhere.callback() } }),
  });
  await hub.subscribe(topic, subscriber.callback());
  expect(subscriber.verifications).toHaveLength(1);
  expect(elsewhere.verifications).toEqual([]);
});

test.each([500, 502, 503, 504, 599])(
  "§5.3.1 %d leaves the question open: asked again after 10 s and 60 s, then given up",
  async (status) => {
    await using hub = await openTestHub();
    await using subscriber = await openSubscriber({ verify: answering((body) => ({ status, body })) });
    await hub.subscribe(topic, subscriber.callback());
    expect(await countTries(hub, () => subscriber.verifications.length)).toEqual([1, 1, 2, 2, 3, 3]);
    const challenges = subscriber.verifications.map((one) => parameters(one).get("hub.challenge"));
    expect(new Set(challenges).size).toBe(3);
  },
);

test("§5.3.1 an answer after the second or third try confirms", async () => {
  for (const failures of [1, 2]) {
    let tries = 0;
    const verify: Answering = (request) => (++tries > failures ? echo(request) : { status: 503 });
    expect(await tryAnswer(verify)).toEqual({ subscribed: true, asked: failures + 1 });
  }
});

test("§5.3.1 a connection that breaks leaves the question open: asked again after 10 s and 60 s, then given up", async () => {
  await using hub = await openTestHub();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await hub.subscribe(topic, `http://127.0.0.1:${port}/cb`);
  const counts = await countTries(hub, () => connections);
  server.close();
  expect(counts).toEqual([1, 1, 2, 2, 3, 3]);
});

test("§5.3.1 a callback may take its time, up to 10 s", async () => {
  await using hub = await openTestHub();
  await using publisher = await openPublisher();
  const asked = Promise.withResolvers<void>();
  await using subscriber = await openSubscriber({
    verify: async (request) => {
      await asked.promise;
      return echo(request);
    },
  });
  publisher.serve("/feed", { body: "content" });
  await hub.post(toSubscribe(publisher.topic("/feed"), subscriber.callback()));
  const draining = hub.drain();
  await subscriber.seen(1);
  hub.clock.advance(9_999);
  asked.resolve();
  await draining;
  await hub.publish(publisher.topic("/feed"));
  expect([subscriber.verifications.length, subscriber.deliveries.length]).toEqual([1, 1]);
});

test("§5.3.1 a callback that has not answered after 10 s is asked again 10 s later", async () => {
  await using hub = await openTestHub();
  let tries = 0;
  await using subscriber = await openSubscriber({ verify: (request) => (++tries === 1 ? "hang" : echo(request)) });
  await hub.post(toSubscribe(topic, subscriber.callback()));
  const draining = hub.drain();
  await subscriber.seen(1);
  hub.clock.advance(10_000);
  await draining;
  await hub.pass(9_999);
  expect(subscriber.verifications).toHaveLength(1);
  await hub.pass(1);
  expect(subscriber.verifications).toHaveLength(2);
});

test("§5.3.1 no denial follows a verification that failed", async () => {
  await using hub = await openTestHub();
  await using subscriber = await openSubscriber({ verify: () => ({ status: 500 }) });
  await hub.subscribe(topic, subscriber.callback());
  for (const ms of [10_000, 60_000, 600_000]) await hub.pass(ms);
  expect(subscriber.verifications.map((one) => parameters(one).get("hub.mode"))).toEqual([
    "subscribe",
    "subscribe",
    "subscribe",
  ]);
});

/** How many tries there were at once, then until just before and after 10 s, 60 s more, and in the end. */
async function countTries(hub: TestHub, count: () => number): Promise<readonly number[]> {
  const counts = [count()];
  for (const ms of [9_999, 1, 59_999, 1, 600_000]) {
    await hub.pass(ms);
    counts.push(count());
  }
  return counts;
}
