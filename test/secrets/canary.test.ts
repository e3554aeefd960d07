import { once } from "node:events";
import { createServer } from "node:net";
import type { Worker } from "node:worker_threads";

import { expect, onTestFinished, test } from "vitest";

import { createLog } from "../../src/log.ts";
import type { Answering } from "../support/peer.ts";
import { openPublisher } from "../support/publisher.ts";
import { toSubscribe, toUnsubscribe } from "../support/requests.ts";
import { openSubscriber } from "../support/subscriber.ts";
import { openTestHub } from "../support/test-hub.ts";
import { until } from "../support/until.ts";
import { type Place, places } from "./places.ts";

/** Words that are in no other text. */
const canary = { secret: "canary-in-secret", query: "canary-in-query", token: "canary-in-token" };
const kept = { "hub.secret": canary.secret, "hub.verify_token": canary.token };
const adminToken = "canary-in-admin-token-of-32-characters";
const denied = "https://denied.example/";

/** A peer that says in its answers all that it was told. */
function babbling(status: number): Answering {
  return ({ target, headers }) => ({
    status,
    headers: { location: target, "x-told": headers["x-hub-signature"] ?? target, "retry-after": target },
    body: `${target} ${JSON.stringify(headers)}`,
  });
}

type Scene = Awaited<ReturnType<typeof openScene>>;

/** A hub whose every word is heard, log lines of all levels and answers with their headers, and its peers. */
async function openScene(place: Place) {
  const stack = new AsyncDisposableStack();
  const heard: string[] = [];
  const workers: Worker[] = [];
  const onWorker = (worker: Worker) => void workers.push(worker);
  process.on("worker", onWorker);
  stack.defer(() => void process.off("worker", onWorker));
  const log = createLog("trace", { write: (line) => void heard.push(line) });
  const settings = { DELIVERY_THREADS: "1", CALLBACK_DENY: denied, RETRY_DELAYS_SECONDS: "1", ADMIN_TOKEN: adminToken };
  const hub = stack.use(await openTestHub({ database: place, log, settings }));
  const publisher = stack.use(await openPublisher());
  const receiving = { answer: babbling(500) };
  const subscriber = stack.use(await openSubscriber({ receive: (request) => receiving.answer(request) }));
  const hear = async (answer: Response) => {
    heard.push(`${answer.status} ${JSON.stringify([...answer.headers])} ${await answer.text()}`);
    return answer.status;
  };
  const ask = async (form: Readonly<Record<string, string>>, accept = "*/*") =>
    hear(await fetch(hub.url, { method: "POST", body: new URLSearchParams(form), headers: { accept } }));
  const look = async (path: string, token: string) =>
    hear(await fetch(new URL(path, hub.url), { headers: { authorization: `Bearer ${token}` } }));
  return {
    place,
    hub,
    heard,
    ask,
    look,
    workers,
    publisher,
    receiving,
    subscriber,
    topic: publisher.topic("/feed"),
    callback: subscriber.callback(`/cb?${canary.query}=1`),
    hears: (words: string) => expect(heard.join("\n")).toContain(words),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function refuseRequests({ hub, ask, topic, callback }: Scene): Promise<void> {
  const { query, secret, token } = canary;
  const odd = [`${callback}#x`, callback.replace("//", `//u:${query}@`), `${callback} `, `/cb?${query}`];
  const forbidden = [`${denied}?${query}`, `http://10.0.0.1/?${query}`, `${hub.url}?${query}`];
  const long = [{ "hub.secret": secret.repeat(20) }, { "hub.verify_token": token.repeat(99) }];
  const wrong = ["hub.lease_seconds", "hub.signature_method", "hub.mode", "hub.topic"].map((name) => ({ [name]: "?" }));
  for (const accept of ["*/*", "application/json"]) {
    for (const one of [...odd, `${callback}${"x".repeat(2048)}`])
      expect(await ask(toSubscribe(topic, one, kept), accept)).toBe(400);
    for (const one of forbidden) expect(await ask(toSubscribe(topic, one, kept), accept)).toBe(403);
    for (const more of [...wrong, ...long])
      expect(await ask({ ...toSubscribe(topic, callback, kept), ...more }, accept)).toBe(400);
  }
}

async function failVerifications({ hub, ask, topic, hears }: Scene): Promise<void> {
  await using refusing = await openSubscriber({ verify: babbling(404) });
  await using failing = await openSubscriber({ verify: babbling(500) });
  for (const origin of [...(await openDeadEnds()), refusing.origin, failing.origin])
    expect(await ask(toSubscribe(topic, `${origin}/cb?${canary.query}`, kept))).toBe(202);
  for (const ms of [0, 10_000, 60_000]) await hub.pass(ms);
  hears('"next":"drop"');
}

/** Whoever comes is hung up on, in plain or over TLS, or finds nobody at all. */
async function openDeadEnds(): Promise<readonly string[]> {
  const rude = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  const gone = createServer().listen(0, "127.0.0.1");
  await Promise.all([once(rude, "listening"), once(gone, "listening")]);
  const hosts = [rude, gone].map((server) => {
    const address = server.address();
    return typeof address === "object" && address !== null ? `127.0.0.1:${address.port}` : "";
  });
  gone.close();
  onTestFinished(() => void rude.close());
  return [`http://${hosts[0]}`, `https://${hosts[0]}`, `http://${hosts[1]}`];
}

async function failDatabase({ place, hub, ask, topic, callback, hears }: Scene): Promise<void> {
  for (const table of ["intents", "subscriptions"]) {
    await using _ = await place.fail(table);
    await ask(toSubscribe(topic, `${callback}&${table}`, kept));
    await hub.drain();
  }
  hears("request failed");
  hears("a piece of work failed");
  await using _ = await place.runOut();
  expect(await ask(toSubscribe(topic, callback, kept))).toBe(503);
}

async function failDeliveries({ hub, ask, publisher, receiving, topic, callback, hears }: Scene): Promise<void> {
  expect(await ask(toSubscribe(topic, callback, kept))).toBe(202);
  await hub.drain();
  for (const status of [500, 302, 429, 400]) {
    receiving.answer = babbling(status);
    publisher.serve("/feed", { body: `${status}` });
    await hub.publish(topic);
    await hub.pass(3_600_000);
  }
  hears("delivery given up");
  publisher.serve("/feed", { status: 500, body: callback });
  expect(await ask({ "hub.mode": "publish", "hub.url": topic })).toBe(204);
  await hub.drain();
}

async function loseThread(scene: Scene): Promise<void> {
  const { hub, workers, publisher, subscriber, receiving, topic, hears } = scene;
  expect(await scene.ask(toSubscribe(topic, `${scene.callback}&thread`, kept))).toBe(202);
  await hub.drain();
  const known = subscriber.deliveries.length;
  receiving.answer = () => "hang";
  publisher.serve("/feed", { body: "last" });
  const published = hub.publish(topic);
  await until(() => subscriber.deliveries.length > known);
  receiving.answer = () => ({ status: 204 });
  await workers.at(-1)?.terminate();
  await published;
  hears("a delivery thread died");
}

function expectSilence(text: string, ...words: readonly string[]): void {
  for (const word of words) {
    const bytes = Buffer.from(word);
    for (const one of [word, bytes.toString("hex"), bytes.toString("base64url").slice(0, -2)]) {
      const at = text.indexOf(one);
      expect(at === -1 ? "" : text.slice(Math.max(0, at - 300), at + 100)).toBe("");
    }
  }
}

test.each(places)(
  "§8 on $kind, whatever goes wrong: neither a secret nor a callback's query is shown, and no secret is kept in plain",
  async ({ open }) => {
    await using place = await open();
    await using scene = await openScene(place);
    await refuseRequests(scene);
    await failVerifications(scene);
    await failDatabase(scene);
    await failDeliveries(scene);
    await loseThread(scene);
    expect(await scene.ask(toUnsubscribe(scene.topic, scene.callback, kept))).toBe(202);
    await scene.hub.drain();
    for (const path of ["/", "/readyz", "/nowhere", "/metrics"]) await scene.look(path, adminToken);
    expect(await scene.look("/metrics", adminToken.toUpperCase())).toBe(401);
    scene.hears("carillon_");

    expectSilence(scene.heard.join("\n"), ...Object.values(canary), adminToken);
    const stored = await place.read();
    expect(stored).toContain(canary.query);
    expectSilence(stored, canary.secret);
  },
);
