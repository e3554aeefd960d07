type Waiting = { readonly tag: string; readonly count: number; readonly resolve: (times: Float64Array) => void };

const deadlineMs = 60_000;
const deadlinePerArrivalMs = 5;

/** When requests came in, by a tag that says what they are about. */
export class Arrivals {
  readonly #times = new Map<string, number[]>();
  #waiting: Waiting[] = [];

  /** In the order of their first arrivals. */
  get tags(): readonly string[] {
    return [...this.#times.keys()];
  }

  get total(): number {
    return [...this.#times.values()].reduce((sum, { length }) => sum + length, 0);
  }

  add(tag: string, atMs: number): void {
    const times = this.#times.get(tag);
    if (times === undefined) this.#times.set(tag, [atMs]);
    else times.push(atMs);
    for (const one of this.#waiting) if (one.tag === tag) this.#settle(one);
  }

  /** Resolves to the times of the first `count` with that tag once they are there. Rejects when it takes too long. */
  first(tag: string, count: number): Promise<Float64Array> {
    return new Promise((resolve, reject) => {
      const limitMs = deadlineMs + count * deadlinePerArrivalMs;
      const late = () => reject(new Error(`${this.#times.get(tag)?.length ?? 0} of ${count} came in ${limitMs} ms`));
      const timer = setTimeout(late, limitMs);
      const waiting = {
        tag,
        count,
        resolve: (times: Float64Array) => {
          clearTimeout(timer);
          resolve(times);
        },
      };
      this.#waiting.push(waiting);
      this.#settle(waiting);
    });
  }

  #settle(waiting: Waiting): void {
    const times = this.#times.get(waiting.tag) ?? [];
    if (times.length < waiting.count) return;
    this.#waiting = this.#waiting.filter((one) => one !== waiting);
    waiting.resolve(Float64Array.from(times.slice(0, waiting.count)));
  }
}
