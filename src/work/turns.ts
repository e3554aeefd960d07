import { setImmediate } from "node:timers/promises";

/** Turns of the event loop for what keeps it busy: one each, so that whatever else has come is served in between. */
export class Turns {
  #last = Promise.resolve();

  /** Resolves in a turn that is nobody else's, first come, first served. */
  next(): Promise<void> {
    this.#last = this.#last.then(() => setImmediate());
    return this.#last;
  }
}
