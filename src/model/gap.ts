/** Time that went by without the hub: it was away, stood still, or the clock jumped over it. */
export type Gap = { readonly from: Date; readonly until: Date };

/**
 * How much of the time before `now` the hub has not lived through, in milliseconds, as far as it goes back over `livedMs` of life.
 * What several nodes have told of the same time counts once.
 */
export function missedMs(gaps: readonly Gap[], now: Date, livedMs: number): number {
  let missed = 0;
  let countedFrom = Infinity;
  for (const { from, until } of gaps.toSorted((a, b) => b.until.getTime() - a.until.getTime())) {
    const end = Math.min(until.getTime(), countedFrom);
    if (now.getTime() - end - missed >= livedMs) break;
    missed += Math.max(0, end - from.getTime());
    countedFrom = Math.min(countedFrom, from.getTime());
  }
  return missed;
}
