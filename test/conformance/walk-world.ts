import type { AttemptRecord, CatchUpClaim, ChunkClaim, HastenedBy, Wait } from "../../src/model/delivery.ts";
import type { Recipient } from "../../src/model/subscription.ts";
import type { TopicPolicy } from "../../src/model/topic.ts";
import { found, plenty, type TestStore, topic, wait } from "./support.ts";
import { insist, type Ledger } from "./walk-ledger.ts";

/** `since` is when the terms were read. */
export type OpenChunk = { readonly chunk: ChunkClaim; readonly since: number; left: readonly Recipient[] };
export type Attempt = Omit<CatchUpClaim, "attempts" | "retryAt"> & { readonly since: number };

/** All that a random walk knows of what it has done so far. */
export type World = {
  readonly opened: TestStore;
  readonly ledger: Ledger;
  readonly policy: () => TopicPolicy | "changed";
  /** When each subscription was last renewed, in steps taken. */
  readonly renewedAt: Map<number, number>;
  /** Who is subscribed, by callback. */
  readonly known: Map<string, number>;
  /** Origins whose breaker is open. */
  readonly shut: Set<string>;
  now: Date;
  /** Steps taken. */
  step: number;
  chunks: OpenChunk[];
  attempts: Attempt[];
  /** Records of the log that the ledger knows. */
  logged: number;
};

export function callbackOf(who: number): string {
  return `${originOf(who)}/${who}`;
}

export function originOf(who: number): string {
  return `https://walker-${who % 2}.example`;
}

export function later(world: World, ms: number): Date {
  return new Date(world.now.getTime() + ms);
}

const marks: readonly HastenedBy[] = ["nothing", "recovery", "success"];

export function waitOf(world: World, dice: number): Wait {
  const hastenedBy = found(marks[dice % 3]);
  return wait({ attempts: dice % 7, dueAt: later(world, dice % 2 === 0 ? 0 : dice % 50), hastenedBy });
}

/** I7: what is to be delivered can be loaded. */
export async function begin(
  world: World,
  ids: readonly number[],
  key: Pick<ChunkClaim, "topicId" | "seq">,
): Promise<void> {
  for (const id of ids) world.ledger.begin(id, key.seq, world.now);
  await world.opened.store.publications.load(key);
}

export async function beginAttempt(world: World, claim: CatchUpClaim): Promise<void> {
  await begin(world, [claim.subscriptionId], claim);
  world.ledger.assertPlan(claim);
  world.attempts.push({ ...claim, since: world.step });
}

export async function topicOf({ opened }: World): Promise<{ readonly id: number; readonly lastSeq: number }> {
  return found(await opened.store.topics.find(topic));
}

/** Ids of the walkers of an origin. */
export function idsAt({ known }: World, origin: string): readonly number[] {
  return [...known].filter(([callback]) => new URL(callback).origin === origin).map(([, id]) => id);
}

/** Tells the ledger what the store has given up since. Resolves to those it was owed to. */
export async function readGivenUp(world: World): Promise<readonly number[]> {
  const { id } = await topicOf(world);
  const records = await world.opened.store.attempts.newest(id, plenty);
  const given = records.slice(0, records.length - world.logged).filter(({ outcome }) => outcome === "given_up");
  world.logged = records.length;
  for (const record of given) {
    insist(world.policy() !== "latest" || record.count === 1, "on a `latest` topic one publication is owed");
    insist(!world.chunks.some((open) => isDoing(open, record)), "what is being sent is not given up");
    world.ledger.giveUp(record);
  }
  return given.map(({ subscriptionId }) => found(subscriptionId));
}

function isDoing({ chunk, left }: OpenChunk, { subscriptionId, seq }: AttemptRecord): boolean {
  return chunk.seq === seq && left.some((one) => one.subscriptionId === subscriptionId);
}
