import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";

import { createRandom } from "../support/random.ts";
import type { Arrival, Ledger } from "./ledger.ts";
import { bodyOf, type Pair, type Topic } from "./pair.ts";
import type { Trigger } from "./trigger.ts";

/** Publishers and subscribers of a run, which can hold back an answer at a moment that hurts. */
export type Peers = AsyncDisposable & {
  readonly topics: readonly Topic[];
  /** It names another hub than ours. */
  readonly stranger: Topic;
  callback(): string;
  /** Answers what is held. Where nobody is there any more to hear it, a delivery that was held has not arrived. */
  release(isHeard: boolean): void;
  /** Some of the subscribers cannot be reached until what this resolves to is called. */
  shutDown(): Promise<() => Promise<void>>;
};

export type PeersDeps = { readonly ledger: Ledger; readonly trigger: Trigger; readonly seed: number };

/** Under which all hubs of a run are known, whatever port they have. */
export const hubUrl = "http://hub.example/";

const origins = 3;
const mostDelayMs = 20;
const failing = 0.03;

export async function openPeers(topicCount: number, deps: PeersDeps): Promise<Peers> {
  const held = new Held();
  const topics: Topic[] = [];
  const publisher = await listen((request, response) => serveTopic(deps, held, topics, request, response));
  const at = (path: string): Topic => ({ path, url: `${originOf(publisher)}${path}`, version: 1, promised: 0 });
  for (let i = 0; i < topicCount; i += 1) topics.push(at(`/topic/${i}`));
  const stranger = at("/stranger");
  topics.push(stranger);
  const subscribers = await Promise.all(
    Array.from({ length: origins }, () => listen((request, response) => takeRequest(deps, held, request, response))),
  );
  const places = subscribers.map(originOf);
  let callbacks = 0;
  return {
    topics: topics.slice(0, topicCount),
    stranger,
    callback() {
      callbacks += 1;
      return `${places[callbacks % origins]}/callback/${callbacks}`;
    },
    release: (isHeard) => held.release(isHeard),
    async shutDown() {
      const [server] = subscribers;
      if (server === undefined) throw new Error("there are no subscribers");
      const { port } = new URL(originOf(server));
      await close(server);
      return async () => {
        server.listen({ host: "127.0.0.1", port: Number(port), backlog: 4096 });
        await once(server, "listening");
      };
    },
    async [Symbol.asyncDispose]() {
      held.release(false);
      await Promise.all([publisher, ...subscribers].map(close));
    },
  };
}

/** Answers that wait. */
class Held {
  #waiting = Promise.withResolvers<boolean>();

  /** Resolves to whether somebody hears them. */
  wait(): Promise<boolean> {
    return this.#waiting.promise;
  }

  release(isHeard: boolean): void {
    this.#waiting.resolve(isHeard);
    this.#waiting = Promise.withResolvers();
  }
}

async function serveTopic(
  { trigger }: PeersDeps,
  held: Held,
  topics: readonly Topic[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const topic = topics.find(({ path }) => path === request.url);
  if (topic === undefined) return void response.writeHead(404).end();
  const body = bodyOf(topic, topic.version);
  const hub = topic.path === "/stranger" ? "http://other.example/" : hubUrl;
  if (trigger.happens("fetch unanswered")) await held.wait();
  response.setHeader("Link", [`<${hub}>; rel="hub"`, `<${topic.url}>; rel="self"`]);
  response.end(body, () => trigger.happens("fetch answered"));
}

async function takeRequest(
  deps: PeersDeps,
  held: Held,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { ledger } = deps;
  const { href, searchParams } = new URL(request.url ?? "", `http://${request.headers.host}`);
  const pair = ledger.pairs.get(href.replace(/\?.*$/, ""));
  if (pair === undefined) {
    ledger.blame(`${request.method} ${href}, where nobody ever asked for anything`);
    return void response.writeHead(404).end();
  }
  if (request.method === "GET") await answerChallenge(deps, held, pair, searchParams, response);
  else await takeDelivery(deps, held, pair, request, response);
}

async function answerChallenge(
  { ledger, trigger }: PeersDeps,
  held: Held,
  pair: Pair,
  asked: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const mode = asked.get("hub.mode");
  if (mode === "denied") {
    pair.denials += 1;
    if (!pair.isStranger) ledger.blame(`${pair.callback} is denied: ${asked.get("hub.reason")}`);
    return void response.end();
  }
  if (mode === "subscribe")
    pair.challenges.push({ leaseSeconds: Number(asked.get("hub.lease_seconds")), atMs: Date.now() });
  if (trigger.happens("challenge unanswered")) await held.wait();
  const answered = () => trigger.happens("challenge answered");
  if (pair.confirms) response.end(asked.get("hub.challenge"), answered);
  else response.writeHead(404).end(answered);
}

async function takeDelivery(
  { ledger, trigger, seed }: PeersDeps,
  held: Held,
  pair: Pair,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const arrival = readArrival(request, await buffer(request));
  const isFirst = !pair.webhookIds.has(arrival.version);
  ledger.begin(pair, arrival);
  response.once("close", () => {
    pair.open -= 1;
  });
  const random = createRandom(seed + hash(new URL(pair.callback).pathname) + arrival.version);
  await setTimeout(random() * mostDelayMs);
  const isHeld = trigger.happens(isFirst ? "delivery unanswered" : "retry unanswered");
  if (isHeld && !(await held.wait())) return void response.destroy();
  const fails = isFirst && random() < failing;
  if (!fails && !request.socket.destroyed) ledger.take(pair, arrival);
  response.writeHead(fails ? 503 : 204).end(() => trigger.happens("delivery answered"));
}

function readArrival({ headers }: IncomingMessage, body: Buffer): Arrival {
  const [, version = "0"] = /^version (\d+)\n/.exec(body.toString("latin1", 0, 30)) ?? [];
  const signature = headers["x-hub-signature"];
  return {
    version: Number(version),
    body,
    webhookId: String(headers["webhook-id"]),
    signature: typeof signature === "string" ? signature : undefined,
  };
}

type Listener = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** A sender that is killed breaks off in the middle of its body: nothing has arrived then. */
async function listen(listener: Listener): Promise<Server> {
  const server = createServer((request, response) => {
    listener(request, response).catch(() => response.destroy());
  });
  server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 });
  await once(server, "listening");
  return server;
}

function originOf(server: Server): string {
  // listen() on a host and port gives an AddressInfo.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function close(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}

function hash(text: string): number {
  let value = 0;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value, 31) + text.charCodeAt(i);
  return value | 0;
}
