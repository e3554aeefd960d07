import type { Socket } from "node:net";

/**
 * The sockets that are open, from dial to 'close', and how much room is left. Idle ones count: two fan-outs over thousands of
 * origins in a row leave one with each for seconds, and they use up the process's descriptors as others do.
 *
 * Guaranteed to what keeps connections (poster.ts): as long as at most half of `max` exchanges are in flight, none finds the house
 * full, whatever idle sockets hold.
 * - A socket stays open after an answer only if that exchange was given its connection, or dialled it, while less than
 *   half were open. So these, the idle ones among them, are never more than half.
 * - Every other socket is closed with its answer, and its exchange is in flight until then.
 * Left out are the few that were being dialled when their exchange was called off: up to seconds later they are idle.
 * What has a connection for each exchange (exchange.ts) is in flight until that has closed: as many as `max` find room.
 */
export type OpenSockets = {
  readonly count: number;
  /** Half of the room is taken: a connection given out now is closed after its answer. */
  readonly isCrowded: boolean;
  /** Nothing may be dialled. */
  readonly isFull: boolean;
  /** Counts a socket until it is closed, however it ends. */
  readonly add: (socket: Socket) => void;
};

/** `max` may be Infinity. */
export function createOpenSockets(max: number): OpenSockets {
  const half = Math.floor(max / 2);
  let count = 0;
  const remove = (): void => {
    count -= 1;
  };
  return {
    get count() {
      return count;
    },
    get isCrowded() {
      return count >= half;
    },
    get isFull() {
      return count >= max;
    },
    add(socket) {
      count += 1;
      socket.once("close", remove);
    },
  };
}
