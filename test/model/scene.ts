import type { Mode } from "../../src/model/intent.ts";
import type { TopicPolicy } from "../../src/model/topic.ts";
import { createEmpty, type Engine, type Image, type Limits, openEngine } from "./engine.ts";
import { Ledger } from "./ledger.ts";
import { unlessUnavailable } from "./gate.ts";
import { newMember, pairOf } from "./member.ts";
import { callbacks, createPeers, type Peers, topics } from "./peers.ts";

/** An engine, everybody it talks to, and the model that judges it. */
export type Scene = AsyncDisposable & {
  readonly engine: Engine;
  readonly ledger: Ledger;
  readonly peers: Peers;
  /** Asks for a subscription with a secret never used before. `forged`: its callback knows nothing of it. */
  subscribe(pair: Pair, leaseSeconds: number, forged?: boolean): void;
  unsubscribe(pair: Pair): void;
  /** Pings a topic, a new version being served from now on, or the one before. */
  ping(topic: string, isNew: boolean): void;
  /** A process that died writes late. */
  haunt(): Promise<void>;
  /** Requests that were accepted and came to nothing. */
  forgotten(now: number): readonly string[];
  /** Throws what the model holds against the engine. */
  readonly assertSound: () => void;
};

export type Pair = { readonly topic: string; readonly callback: string };

export const pairs: readonly Pair[] = topics.flatMap((topic) => callbacks.map((callback) => ({ topic, callback })));

export type SceneOptions = { readonly policies: readonly TopicPolicy[]; readonly limits: Limits };

/** Everybody is subscribed, for a month. */
export async function openScene({ policies, limits }: SceneOptions): Promise<Scene> {
  const start = starts.get(policies.join()) ?? subscribeAll(policies);
  starts.set(policies.join(), start);
  const { members, everyTopicIds, image } = await start;
  const ledger = new Ledger(limits.delaysMs);
  ledger.members.push(...members.map(newMember));
  for (const id of everyTopicIds) ledger.everyTopicIds.add(id);
  return setScene(ledger, limits, image);
}

/** How every scene begins. To come to it costs as much as a short sequence does, so that happens once. */
type Start = Pick<Ledger, "members" | "everyTopicIds"> & { readonly image: Image };
const starts = new Map<string, Promise<Start>>();

async function subscribeAll(policies: readonly TopicPolicy[]): Promise<Start> {
  const limits = { perOrigin: 64, total: 1000, fetchMinIntervalSeconds: 0, delaysMs: [] };
  await using scene = await setScene(new Ledger(limits.delaysMs), limits, await createEmpty());
  const { engine, ledger } = scene;
  for (const pair of pairs) scene.subscribe(pair, 2_592_000);
  await engine.rest();
  for (const [i, topic] of topics.entries()) {
    await engine.store.topics.setPolicy(topic, policies[i] ?? "latest");
    const id = (await engine.store.topics.find(topic))?.id ?? 0;
    if (policies[i] === "every") ledger.everyTopicIds.add(id);
  }
  const image = await engine.close();
  scene.assertSound();
  const { members, everyTopicIds } = ledger;
  return { members, everyTopicIds, image };
}

async function setScene(ledger: Ledger, limits: Limits, start: Image): Promise<Scene> {
  for (const topic of topics) ledger.pings.served.set(topic, 1);
  const peers = createPeers(ledger);
  const engine = await openEngine(ledger, peers, limits, start);
  /** Secrets of the requests that were accepted. */
  const accepted = new Set<string>();
  let requests = ledger.members.length;

  return {
    engine,
    ledger,
    peers,
    subscribe(pair, leaseSeconds, forged = false) {
      requests += 1;
      const secret = `secret ${requests}`;
      const more = { "hub.secret": secret, "hub.lease_seconds": `${leaseSeconds}` };
      void ask("subscribe", pair, { ...more, "hub.verify_token": forged ? "forged" : "" }, () => {
        if (!forged) accepted.add(secret);
      });
    },
    unsubscribe(pair) {
      void ask("unsubscribe", pair, {}, () => {
        const member = ledger.live(pairOf(pair.topic, pair.callback), engine.clock.now().getTime());
        if (member !== undefined) member.mustEnd = true;
      });
    },
    ping(topic, isNew) {
      ledger.pings.served.set(topic, (ledger.pings.served.get(topic) ?? 0) + Number(isNew));
      void unlessUnavailable(engine.hub.acceptPing(new URLSearchParams({ "hub.url": topic }), "203.0.113.7"));
    },
    async haunt() {
      const { chunks, catchUps } = ledger.ghosts;
      const now = engine.clock.now();
      const nothing = { left: [], delivered: 0, behind: [], gone: [], log: [] };
      const { fanOuts, behind } = engine.raw;
      for (const chunk of chunks) {
        ledger.insist((await fanOuts.checkpoint(chunk, nothing, now)) === "lost", `a dead process closed ${chunk.id}`);
      }
      for (const claim of catchUps) {
        const { subscriptionId, seq } = claim;
        const record = { ...claim, at: now, count: 1, attempt: 1, status: 204, reason: "late", durationMs: 0 };
        const late = { ...record, outcome: "failed" } as const;
        const written = await behind.settleCatchUp(claim, { kind: "delivered" }, late, now);
        ledger.insist(written === "lost", `a dead process settled ${subscriptionId}, publication ${seq}`);
      }
    },
    forgotten(now) {
      const applied = new Set(ledger.members.flatMap(({ secrets }) => secrets));
      const staying = ledger.members.filter((member) => member.mustEnd && !member.ended && member.expiresAt > now);
      return [
        ...[...accepted.difference(applied)].map((secret) => `the request with ${secret} was never verified`),
        ...staying.map(({ pair }) => `${pair} was never unsubscribed`),
        ...ledger.unheard(now).map((topic) => `${topic} was pinged, and its new version is never published`),
      ];
    },
    assertSound() {
      ledger.unheard(engine.clock.now().getTime());
      if (ledger.faults.length > 0) throw new Error(ledger.faults.join("\n"));
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };

  async function ask(mode: Mode, { topic, callback }: Pair, more: Record<string, string>, then: () => void) {
    const form = new URLSearchParams({ "hub.topic": topic, "hub.callback": callback, ...more });
    await unlessUnavailable(engine.hub.acceptSubscription(mode, form, "203.0.113.7"), then);
  }
}
