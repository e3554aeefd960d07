import type { Moment } from "./schedule.ts";

/** Acts at the nth time that something happens, in the same turn. */
export class Trigger {
  #armed: { readonly moment: Moment; readonly act: () => void; left: number } | undefined;

  arm(moment: Moment, nth: number, act: () => void): void {
    this.#armed = { moment, act, left: nth };
  }

  disarm(): void {
    this.#armed = undefined;
  }

  /** Tells whether it was that time. */
  happens(moment: Moment): boolean {
    const armed = this.#armed;
    if (armed?.moment !== moment) return false;
    armed.left -= 1;
    if (armed.left > 0) return false;
    this.#armed = undefined;
    armed.act();
    return true;
  }
}
