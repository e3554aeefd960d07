import type { Database } from "./database.ts";

/** Given back at a time, of 4 KiB each: about a millisecond. */
const pagesAtOnce = 64;
/** Left for rows to come: to give those back and ask for them again would cost more than they do. */
const sparePages = 1024;

/**
 * Gives free pages back to the disk, a few at a time. Resolves to how many, 0 when there are few. A file that was made without
 * `auto_vacuum` keeps them, and uses them again.
 */
export function createShrink({
  connection,
  read,
  claim,
}: Pick<Database, "connection" | "read" | "claim">): () => Promise<number> {
  const free = connection.prepare<[], number>("SELECT freelist_count FROM pragma_freelist_count()").pluck();
  const countFree = () => free.get() ?? 0;

  return async () => {
    const pages = Math.min(pagesAtOnce, (await read(countFree)) - sparePages);
    if (pages <= 0) return 0;
    return claim(() => {
      const before = countFree();
      connection.pragma(`incremental_vacuum(${pages})`);
      return before - countFree();
    });
  };
}
