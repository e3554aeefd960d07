import type { Step } from "./loop.ts";

export type PoolDeps<T> = {
  /** Most items in the works at a time. */
  readonly limit: number;
  /** Claims up to `free` items. */
  readonly claim: (free: number, now: Date) => Promise<readonly T[]>;
  /** Works on one item to its end. */
  readonly handle: (item: T) => Promise<void>;
  /** Called when an item is done: there is room again. */
  readonly onRoom: () => void;
  readonly onError: (error: unknown) => void;
};

/** Items worked on side by side: a slow one takes up its own place only. */
export class Pool<T> {
  readonly #deps: PoolDeps<T>;
  readonly #running = new Set<Promise<void>>();
  #places = 0;

  constructor(deps: PoolDeps<T>) {
    this.#deps = deps;
  }

  /** Claims as many items as there is room for and sets to work on them. */
  readonly step: Step = async (now) => {
    const free = this.#deps.limit - this.#places;
    if (free <= 0) return 0;
    this.#places += free;
    const items = await this.#claim(free, now);
    for (const item of items) this.track(this.#work(item));
    return items.length;
  };

  /** Has `idle` wait for something that takes up no place. */
  track(work: Promise<void>): void {
    const running = work.catch(this.#deps.onError).finally(() => {
      this.#running.delete(running);
    });
    this.#running.add(running);
  }

  get busy(): boolean {
    return this.#running.size > 0;
  }

  /** Resolves when the first item in the works is done; at once if there is none. */
  async next(): Promise<void> {
    if (this.busy) await Promise.race(this.#running);
  }

  /** Resolves when nothing is in the works. */
  async idle(): Promise<void> {
    while (this.busy) await Promise.all(this.#running);
  }

  async #claim(free: number, now: Date): Promise<readonly T[]> {
    let claimed = 0;
    try {
      const items = await this.#deps.claim(free, now);
      claimed = items.length;
      return items;
    } finally {
      this.#places -= free - claimed;
    }
  }

  async #work(item: T): Promise<void> {
    try {
      await this.#deps.handle(item);
    } finally {
      this.#places -= 1;
      this.#deps.onRoom();
    }
  }
}
