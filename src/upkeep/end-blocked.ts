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

/** One walk over all subscriptions, for the blocks that are due when it begins. Those that it is the last one for are `through`. */
type Walk = { readonly ids: readonly number[]; readonly through: readonly number[]; afterId: number; ended: number };

/**
 * Reads which blocks there are, and ends the subscriptions that new ones match, a batch at a time: at once, and again after a
 * minute, for those that were being verified meanwhile. That minute is the hub's own: who adds a block may have another clock.
 */
export function createEndBlocked({ store, blocks, log, noticesPerMinute, nudgeVerification }: EndBlockedDeps): Step {
  const seenAtMs = new Map<number, number>();
  const walked = new Set<number>();
  let walk: Walk | undefined;

  return async (now) => {
    const listed = await store.blocks.list();
    blocks.load(listed);
    const fresh = listed.filter(({ isSwept }) => !isSwept).map(({ id }) => id);
    for (const id of fresh) if (!seenAtMs.has(id)) seenAtMs.set(id, now.getTime());
    const isLast = (id: number) => now.getTime() - (seenAtMs.get(id) ?? 0) >= graceMs;
    const ids = fresh.filter((id) => !walked.has(id) || isLast(id));
    if (walk === undefined && ids.length === 0) return 0;
    walk ??= { ids, through: ids.filter(isLast), afterId: 0, ended: 0 };
    const reasonFor = (one: Blockable) => blocks.reasonFor(one);
    const { lastId, ended } = await store.blocks.endBlocked(walk.afterId, batch, reasonFor, now, noticesPerMinute);
    walk.ended += ended;
    if (ended > 0) nudgeVerification();
    if (lastId === undefined) await finish(walk);
    else walk.afterId = lastId;
    return 1;
  };

  async function finish({ ids, through, ended }: Walk): Promise<void> {
    if (through.length > 0) await store.blocks.setSwept(through);
    for (const id of ids) walked.add(id);
    walk = undefined;
    if (ended > 0) log.info({ ended }, "subscriptions that are blocked have ended");
  }
}
