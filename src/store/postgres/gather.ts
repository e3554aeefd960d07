import { isUnavailable } from "../../errors.ts";
import type { Database } from "./database.ts";
import { tooManyWait } from "./fault.ts";

type Job<Item, Result> = {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
};

/** Written together. More would keep the first of them waiting. */
const most = 500;
/** Bounds the memory of what waits for a database that is slow: beyond, everybody is told to come again. */
const mostWaiting = 10_000;

/**
 * Writes one by one what is asked for, but all together that comes in one turn of the event loop or while the former
 * write is under way, in that order. So a commit serves many, and a slow database is asked less often, not more.
 * When the write of several fails by a fault of ours, each is written alone.
 */
export function gather<Item, Result>(
  { track }: Pick<Database, "track">,
  write: (items: readonly Item[]) => Promise<readonly Result[]>,
): (item: Item) => Promise<Result> {
  let waiting: Job<Item, Result>[] = [];
  let isRunning = false;

  async function writeAll(): Promise<void> {
    await new Promise(setImmediate);
    while (waiting.length > 0) {
      const jobs = waiting.slice(0, most);
      waiting = waiting.slice(most);
      await writeSome(jobs);
    }
    isRunning = false;
  }

  async function writeSome(jobs: readonly Job<Item, Result>[]): Promise<void> {
    try {
      const results = await write(jobs.map(({ item }) => item));
      for (const [i, { resolve }] of jobs.entries()) resolve(results[i] as Result);
    } catch (error) {
      if (jobs.length === 1 || isUnavailable(error)) for (const { reject } of jobs) reject(error);
      else for (const job of jobs) await writeSome([job]);
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= mostWaiting) return reject(tooManyWait());
      waiting.push({ item, resolve, reject });
      if (isRunning) return;
      isRunning = true;
      track(writeAll());
    });
}
