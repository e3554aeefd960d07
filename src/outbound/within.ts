import type { Clock } from "../clock.ts";

/** Waits for `work`, which must not reject, but no longer than `ms`: false if it has not ended by then. It goes on unheard. */
export async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  const { promise: isOver, resolve: end } = Promise.withResolvers<boolean>();
  const callOff = clock.after(ms, () => end(false));
  const inTime = await Promise.race([work.then(() => true), isOver]);
  callOff();
  return inTime;
}
