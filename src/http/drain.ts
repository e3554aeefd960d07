import type { IncomingMessage } from "node:http";

import { createPieceCount } from "./flood.ts";

/** How long what is left of a body is taken in, for who is still sending it would not read the answer. Milliseconds. */
const longestMs = 500;

/** Takes in what is left of a body that nobody wants, within bounds; then the connection is closed. */
export function drain(request: IncomingMessage): void {
  const { "content-length": length, "transfer-encoding": coding } = request.headers;
  if (length === undefined && coding === undefined) return;
  request.on("data", createPieceCount(request));
  setTimeout(() => {
    if (!request.complete) request.socket.destroySoon();
  }, longestMs).unref();
}
