import type { CatchUpClaim, CatchUpOutcome, ChunkClaim, FallBehind } from "../../src/model/delivery.ts";
import type { TopicPolicy } from "../../src/model/topic.ts";
import type { Store } from "../../src/store/store.ts";
import { after, changed, failure, found, intent, plenty, record, start, topic, wait } from "../conformance/support.ts";
import { type Nodes, openNodes } from "./nodes.ts";
import { createWitness, type Witness } from "./witness.ts";

export type Race = {
  readonly nodes: number;
  readonly policy: TopicPolicy;
  readonly members: number;
  /** Steps of each node. */
  readonly steps: number;
  /** Leases end at any moment, and whoever had them goes on. */
  readonly faults: boolean;
  readonly seed: number;
};

/** What a node has in hand. */
type Node = { readonly store: Store; readonly roll: (sides: number) => number; chunks: Open[]; attempts: Attempt[] };
type Open = { readonly chunk: ChunkClaim; left: readonly number[] };
type Attempt = Pick<CatchUpClaim, "subscriptionId" | "seq" | "token" | "generation">;

/**
 * Nodes that cut, checkpoint, hand over, catch up, subscribe, publish and tidy up as they like, all at once. Resolves to
 * what broke an invariant of engine-protocol 4, once all work has ended.
 */
export async function race(kind: Race): Promise<readonly string[]> {
  await using opened = await openNodes(kind.nodes);
  const witness = createWitness(kind);
  const nodes = opened.stores.map((store, i): Node => {
    return { store, roll: dice(kind.seed * 31 + i), chunks: [], attempts: [] };
  });
  const [first] = opened.stores;
  for (let who = 0; who < kind.members; who += 1) await subscribe(first, who, witness);
  await first.topics.setPolicy(topic, kind.policy);

  const over = new AbortController();
  const disturbing = disturb(opened, kind.faults, over.signal, witness);
  const takeSteps = async (node: Node) => {
    for (let step = 0; step < kind.steps; step += 1) await takeStep(node, kind.members, witness);
  };
  await Promise.all(nodes.map(takeSteps));
  over.abort();
  await disturbing;
  await opened.endLeases();
  witness.loseAll();
  for (const node of nodes) Object.assign(node, { chunks: [], attempts: [] });
  await finish(nodes, witness);
  for (let who = 0; who < kind.members; who += 1) {
    witness.expectUpToDate(await first.subscriptions.find(topic, callbackOf(who)), await lastSeq(first));
  }
  return witness.verdict();
}

/** Looks on, and has leases end. */
async function disturb({ schema }: Nodes, faults: boolean, over: AbortSignal, witness: Witness): Promise<void> {
  const { connection } = schema;
  const both = "SELECT 1 FROM chunks c JOIN behind b ON b.subscription_id = ANY(c.todo)";
  while (!over.aborted) {
    if ((await connection.query(both)).rowCount !== 0) return witness.blame("I6: in a chunk and behind at once");
    for (const table of faults ? ["chunks", "behind"] : []) {
      const ended = await connection.query<{ readonly owner: string }>(
        // One row at a time: who holds no other waits in no circle.
        `UPDATE ${table} SET lease_until = '-infinity' WHERE ctid = (
           SELECT ctid FROM ${table} WHERE owner IS NOT NULL AND random() < 0.02 LIMIT 1) RETURNING owner`,
      );
      for (const { owner } of ended.rows) witness.loseLease(owner);
    }
  }
}

/** Everybody answers 2xx, until nothing is left to do. */
async function finish(nodes: readonly Node[], witness: Witness): Promise<void> {
  const finishOne = async (node: Node): Promise<number> => {
    const hasCut = await cut(node, witness);
    await catchUp(node, witness);
    const inHand = Number(hasCut) + node.chunks.length + node.attempts.length;
    for (const open of node.chunks.splice(0)) await checkpoint(node, open, witness, () => "delivered");
    for (const attempt of node.attempts.splice(0)) await settle(node, attempt, witness, "delivered");
    return inHand;
  };
  for (let idle = 0, round = 0; idle < 3; round += 1) {
    if (round > 5000) return witness.blame("I10: the work does not end");
    const inHand = await Promise.all(nodes.map(finishOne));
    idle = inHand.every((count) => count === 0) ? idle + 1 : 0;
  }
}

async function takeStep(node: Node, members: number, witness: Witness): Promise<void> {
  const { store, roll } = node;
  const chosen = roll(20);
  if (chosen < 4) await cut(node, witness);
  else if (chosen < 8) {
    const open = node.chunks[roll(Math.max(1, node.chunks.length))];
    if (open) await checkpoint(node, open, witness, () => found(fates[roll(fates.length)]));
  } else if (chosen < 11) await catchUp(node, witness);
  else if (chosen < 15) {
    const [attempt] = node.attempts.splice(roll(Math.max(1, node.attempts.length)), 1);
    if (attempt) await settle(node, attempt, witness, found(ends[roll(ends.length)]));
  } else if (chosen < 17) await publish(store);
  else if (chosen < 18) await subscribe(store, roll(members), witness);
  else if (chosen < 19) await unsubscribe(store, roll(members), witness);
  else await tidy(store);
}

/** Resolves to whether there was anything to cut. */
async function cut(node: Node, witness: Witness): Promise<boolean> {
  const claimed = await node.store.fanOuts.claimChunk(start);
  if (claimed.kind !== "chunk") return claimed.kind === "cut";
  const { chunk } = claimed;
  const left = chunk.recipients.map((recipient) => recipient.subscriptionId);
  for (const id of left) witness.begin(id, chunk.seq, chunk.token);
  node.chunks.push({ chunk, left });
  await load(node.store, chunk, [], witness);
  return true;
}

type Fate = "left" | "delivered" | "failed" | "slow" | "gone";
const fates: readonly Fate[] = ["left", "left", "delivered", "delivered", "delivered", "failed", "slow", "gone"];

async function checkpoint(node: Node, open: Open, witness: Witness, fate: () => Fate): Promise<void> {
  const { chunk } = open;
  const { seq, token } = chunk;
  const by = Map.groupBy(open.left, fate);
  const of = (one: Fate) => by.get(one) ?? [];
  const left = of("left");
  const slow = of("slow").map((id): FallBehind => failure(id, { attempts: 0, token: crypto.randomUUID() }));
  const terms = new Map(chunk.recipients.map((recipient) => [recipient.subscriptionId, recipient.generation]));
  const generationOf = (id: number) => found(terms.get(id));
  const gone = of("gone").map((id) => ({ ...failure(id), generation: generationOf(id) }));
  for (const id of open.left) if (!left.includes(id)) witness.end(id, seq, token);
  for (const { subscriptionId: id, token: own = "" } of slow) witness.adopt(id, seq, own);
  const behind = [...of("failed").map((id) => failure(id)), ...slow];
  const report = { left, delivered: of("delivered").length, behind, gone, log: [] };
  const written = await node.store.fanOuts.checkpoint(chunk, report, start);
  if (written === "lost") {
    node.chunks = node.chunks.filter((other) => other !== open);
    return witness.lost(
      token,
      [...open.left],
      slow.map((one) => one.token ?? ""),
    );
  }
  for (const id of of("delivered")) witness.settle(id, seq, token);
  for (const { subscriptionId, token: own = "" } of slow)
    node.attempts.push({ subscriptionId, seq, token: own, generation: generationOf(subscriptionId) });
  open.left = left;
  if (left.length === 0) node.chunks = node.chunks.filter((other) => other !== open);
}

async function catchUp(node: Node, witness: Witness): Promise<void> {
  for (const claim of await node.store.behind.claimCatchUps(1 + node.roll(4), plenty, after(1))) {
    witness.begin(claim.subscriptionId, claim.seq, claim.token);
    node.attempts.push(claim);
    await load(node.store, claim, [claim.subscriptionId], witness);
  }
}

const ends: readonly CatchUpOutcome["kind"][] = [
  "delivered",
  "delivered",
  "delivered",
  "failed",
  "failed",
  "given_up",
  "gone",
];

async function settle(node: Node, attempt: Attempt, witness: Witness, kind: CatchUpOutcome["kind"]): Promise<void> {
  const { subscriptionId: id, seq, token, generation } = attempt;
  witness.end(id, seq, token);
  const outcome: CatchUpOutcome = kind === "gone" ? { kind, generation, ...wait() } : { kind, ...wait() };
  const log = record({ topicId: 0, seq });
  const settled = await node.store.behind.settleCatchUp(attempt, outcome, log, start);
  if (settled === "lost") witness.lost(token, [id], []);
  else if (kind === "delivered" || kind === "given_up") witness.settle(id, seq, token);
}

async function publish(store: Store): Promise<void> {
  await store.topics.ping([topic], 0, start);
  for (const claim of await store.topics.claimFetches(1, 1, start)) {
    await store.topics.settleFetch(claim, changed(), 0, start);
  }
}

/** Or renews. */
async function subscribe(store: Store, who: number, witness: Witness): Promise<void> {
  await store.intents.addIntent(intent({ callback: callbackOf(who) }), start);
  await settleIntents(store, witness);
}

async function unsubscribe(store: Store, who: number, witness: Witness): Promise<void> {
  await store.intents.addIntent(intent({ callback: callbackOf(who), mode: "unsubscribe" }), start);
  await settleIntents(store, witness);
}

async function settleIntents(store: Store, witness: Witness): Promise<void> {
  for (const claim of await store.intents.claimIntents(3, plenty, start)) {
    const applied = await store.intents.settleIntent(claim, { next: "apply", verifiedAt: start }, start);
    if (applied !== "settled") witness.blame("I9: a claimed intent was refused");
  }
}

async function tidy(store: Store): Promise<void> {
  await store.publications.removeSettled(plenty);
  await store.behind.removeSettled(plenty, after(1));
  await store.subscriptions.endLapsed(start, plenty);
}

/** I7. Who is gone by now is owed nothing. */
async function load(
  store: Store,
  claim: Pick<ChunkClaim, "topicId" | "seq" | "token">,
  ids: readonly number[],
  witness: Witness,
): Promise<void> {
  try {
    await store.publications.load(claim);
  } catch {
    witness.missPublication(claim.token, ids);
  }
}

async function lastSeq(store: Store): Promise<number> {
  return found(await store.topics.find(topic)).lastSeq;
}

function callbackOf(who: number): string {
  return `https://racer-${who % 3}.example/${who}`;
}

/** Numbers that look random and are the same each time. */
function dice(seed: number): (sides: number) => number {
  let state = seed >>> 0;
  return (sides) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 12), 0x297a2d39) >>> 0;
    return (mixed >>> 8) % sides;
  };
}
