import type { IncomingMessage } from "node:http";

/** What costs the hub far more than its sender. A connection destroyed with it has its client shut out (listen.ts). */
export class Flood extends Error {
  override readonly name = "Flood";
}

/**
 * Small pieces that a body may come in, more than any network makes of 64 KiB. A chunk of one byte costs as much as one of
 * thousands: who sends a million of them would keep the hub busy for a second. Large ones are no flood, only too much.
 */
const mostPieces = 1024;
const smallBytes = 256;

/** Call it for each piece of a body. */
export function createPieceCount(request: IncomingMessage): (piece: Buffer) => void {
  let pieces = 0;
  return ({ length }) => {
    if (length >= smallBytes) return;
    pieces += 1;
    // Once: thousands may have been read with this one, and an error of its own for each costs more than they do.
    if (pieces === mostPieces + 1) request.socket.destroy(new Flood("a body in too many pieces"));
  };
}
