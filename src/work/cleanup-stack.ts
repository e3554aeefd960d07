/** Closes what was opened, last first. Node 22 runs the built program and has no AsyncDisposableStack. */
export class CleanupStack implements AsyncDisposable {
  readonly #cleanups: (() => PromiseLike<void>)[] = [];

  /** Keeps a thing to be disposed of, and hands it back. */
  use<T extends AsyncDisposable>(thing: T): T {
    this.defer(() => thing[Symbol.asyncDispose]());
    return thing;
  }

  defer(cleanup: () => PromiseLike<void>): void {
    this.#cleanups.push(cleanup);
  }

  /** One that fails does not keep the others open; the first failure is then thrown. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let cleanup = this.#cleanups.pop(); cleanup !== undefined; cleanup = this.#cleanups.pop()) {
      try {
        await cleanup();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
