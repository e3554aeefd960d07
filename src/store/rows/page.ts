/** Subscriptions cut at a time. */
export const pageSize = 1000;

type Cursor = { readonly start: number; readonly cursor: number; readonly wrapped: boolean };

/** Where a fan-out goes on after a page. One that began in the middle goes on at the beginning, once. */
export function whereNext(
  { start, cursor, wrapped }: Cursor,
  members: readonly { readonly id: number }[],
): Pick<Cursor, "cursor" | "wrapped"> & { readonly finished: boolean } {
  const atEnd = members.length < pageSize;
  const wraps = atEnd && !wrapped && start > 0;
  return {
    cursor: wraps ? 0 : (members.at(-1)?.id ?? cursor),
    wrapped: wraps || wrapped,
    finished: atEnd && !wraps,
  };
}

/** On topics of 1000 subscribers and more one log record stands for all successes of a chunk (DESIGN 4). */
export function logsSuccesses({ subscribers }: { readonly subscribers: number }): boolean {
  return subscribers < 1000;
}
