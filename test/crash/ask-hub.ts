import { setTimeout } from "node:timers/promises";

import { sendRaw } from "../support/raw-request.ts";
import { openPair, type Pair, type Topic } from "./pair.ts";
import type { Ledger } from "./ledger.ts";
import type { Machine } from "./machine.ts";
import type { Peers } from "./peers.ts";
import type { Request, Round, Terms } from "./schedule.ts";
import type { Trigger } from "./trigger.ts";

export type Scene = {
  readonly ledger: Ledger;
  readonly machine: Machine;
  readonly peers: Peers;
  readonly trigger: Trigger;
  /** The hub may say 503 just now. Absent: never. */
  readonly mayRefuse?: () => boolean;
};

const anyTerms: Terms = { secret: undefined, signatureMethod: "sha256", leaseSeconds: 100_000 };

/** Until a request that was sent counts as under way. */
const underWayMs = 1;

/** Sends what a round asks for, one beside the other, as long as there is a hub. Resolves when all is answered, or never will be. */
export async function askAll(
  scene: Scene,
  { requests, pausesMs }: Pick<Round, "requests" | "pausesMs">,
): Promise<void> {
  const asked: Promise<void>[] = [];
  for (const [i, request] of requests.entries()) {
    if (scene.machine.isDown) break;
    asked.push(ask(scene, request));
    await setTimeout(pausesMs[i] ?? 0);
  }
  await Promise.all(asked);
}

/** What the hub's 2xx is to change in the ledger follows it in the same turn; then comes the moment that it is. */
async function ask(scene: Scene, request: Request): Promise<void> {
  const { ledger, peers } = scene;
  const at = (index: number): Topic => peers.topics[index] ?? peers.stranger;
  switch (request.kind) {
    case "publish":
      return void (await publish(scene, at(request.topic)));
    case "subscribe":
      return subscribe(scene, openNew(scene, at(request.topic), !request.isRefused), request);
    case "subscribe to a stranger":
      return subscribe(scene, openNew(scene, peers.stranger, true), anyTerms);
    case "renew":
      return subscribe(scene, pick(ledger.free, request.pick), request);
    case "unsubscribe":
      return subscribe(scene, pick(ledger.free, request.pick), undefined);
  }
}

/** A new version of a topic, and a ping. Resolves to whether that was acknowledged. */
export async function publish(scene: Scene, topic: Topic): Promise<boolean> {
  topic.version += 1;
  const { version } = topic;
  return post(scene, "publish", { "hub.mode": "publish", "hub.url": topic.url }, () => {
    topic.promised = Math.max(topic.promised, version);
  });
}

/** Absent terms: the end of it. */
async function subscribe(scene: Scene, pair: Pair, terms: Terms | undefined): Promise<void> {
  const { topic, callback } = pair;
  const mode = terms === undefined ? "unsubscribe" : "subscribe";
  await post(
    scene,
    "subscribe",
    {
      "hub.mode": mode,
      "hub.topic": topic.url,
      "hub.callback": callback,
      ...(terms !== undefined && { "hub.lease_seconds": String(terms.leaseSeconds) }),
      ...(terms !== undefined && { "hub.signature_method": terms.signatureMethod }),
      ...(terms?.secret !== undefined && { "hub.secret": terms.secret }),
    },
    scene.ledger.ask(pair, terms),
  );
}

async function post(
  { ledger, machine, trigger, mayRefuse = () => false }: Scene,
  kind: "publish" | "subscribe",
  form: Readonly<Record<string, string>>,
  acknowledge: () => void,
): Promise<boolean> {
  const body = String(new URLSearchParams(form));
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const sent = sendRaw(machine.url, { headers, body });
  const underWay = setTimeout(underWayMs).then(() => trigger.happens(`${kind} under way`));
  const answer = await sent.catch(() => undefined);
  await underWay;
  if (answer === undefined) {
    ledger.figures.unanswered += 1;
    return false;
  }
  if (answer.status !== (kind === "publish" ? 204 : 202)) {
    if (!machine.isDown && !(answer.status === 503 && mayRefuse()))
      ledger.blame(`${form["hub.mode"]} was answered ${answer.status}: ${answer.body}`);
    return false;
  }
  ledger.figures.acknowledged += 1;
  acknowledge();
  trigger.happens(`${kind} acknowledged`);
  return true;
}

function openNew({ ledger, peers }: Scene, topic: Topic, confirms: boolean): Pair {
  const callback = peers.callback();
  const pair = openPair({ topic, callback, confirms, isStranger: topic === peers.stranger });
  ledger.pairs.set(callback, pair);
  return pair;
}

function pick(pairs: readonly Pair[], share: number): Pair {
  const pair = pairs[Math.floor(share * pairs.length)];
  if (pair === undefined) throw new Error("nobody is subscribed any more");
  return pair;
}
