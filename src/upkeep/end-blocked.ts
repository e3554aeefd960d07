import type { Block, Blockable } from "../model/block.ts";
import type { Store } from "../store/store.ts";
import type { Step } from "../work/loop.ts";
import type { Log } from "../log.ts";

export type EndBlockedDeps = {
  readonly store: Pick<Store, "blocks">;
  /** As this process applies them. */
  readonly blocks: {
    load(blocks: readonly Block[]): void;
    reasonFor(subscription: Blockable): string | undefined;
  };
  readonly log: Log;
  /** How often one callback host may be told. */
  readonly noticesPerMinute: number;
  readonly nudgeVerification: () => void;
};

/** Subscriptions looked at in one write: small, so that it holds up nobody. */
const batch = 500;
/** Longer than other nodes take to hear of a block and to end the verifications that they had begun before. */
const graceMs = 60_000;

/** One walk over all subscriptions, for the blocks that there were when it began. */
type Walk = { readonly ids: readonly number[]; readonly begunAt: Date; afterId: number; ended: number };

/**
 * Reads which blocks there are, and ends the subscriptions that new ones match, a batch at a time: at once, and again after a
 * minute, for those that were being verified meanwhile.
 */
export function createEndBlocked({ store, blocks, log, noticesPerMinute, nudgeVerification }: EndBlockedDeps): Step {
  const walked = new Set<number>();
  let walk: Walk | undefined;

  return async (now) => {
    const listed = await store.blocks.list();
    blocks.load(listed);
    const isDue = ({ id, createdAt }: Block) => !walked.has(id) || now.getTime() - createdAt.getTime() >= graceMs;
    const due = listed.filter((block) => !block.isSwept && isDue(block));
    if (walk === undefined && due.length === 0) return 0;
    walk ??= { ids: due.map(({ id }) => id), begunAt: now, afterId: 0, ended: 0 };
    const reasonFor = (one: Blockable) => blocks.reasonFor(one);
    const { lastId, ended } = await store.blocks.endBlocked(walk.afterId, batch, reasonFor, now, noticesPerMinute);
    walk.ended += ended;
    if (ended > 0) nudgeVerification();
    if (lastId === undefined) await finish(walk, listed);
    else walk.afterId = lastId;
    return 1;
  };

  async function finish({ ids, begunAt, ended }: Walk, listed: readonly Block[]): Promise<void> {
    const isThrough = ({ id, createdAt }: Block) =>
      ids.includes(id) && begunAt.getTime() - createdAt.getTime() >= graceMs;
    const through = listed.filter(isThrough).map(({ id }) => id);
    if (through.length > 0) await store.blocks.setSwept(through);
    for (const id of ids) walked.add(id);
    walk = undefined;
    if (ended > 0) log.info({ ended }, "subscriptions that are blocked have ended");
  }
}
