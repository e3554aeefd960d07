import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

import type { Clock } from "../clock.ts";
import { HubError } from "../errors.ts";
import type { Answer } from "./answer.ts";
import type { Peer } from "./clients.ts";
import { errorAnswer } from "./errors.ts";
import { healthPaths } from "./health-routes.ts";
import type { RateLimit } from "./rate-limit.ts";

/** How long a connection is not read from whose client is over its limit: what floods is slow then, and costs next to nothing. */
const restMs = 1000;

/** What is said to a request of a client over its limit; absent where it may go on. Its connection rests then. */
export type RefuseTooMany = (request: IncomingMessage, peer: Peer, client: string) => Answer | undefined;

export function createRefuseTooMany(limit: RateLimit, clock: Clock): RefuseTooMany {
  return (request, peer, client) => {
    const waitMs = limit.take(client);
    if (waitMs === 0) return undefined;
    // A proxy speaks for others too.
    if (!peer.isProxy) rest(request.socket, clock);
    const isHealth = healthPaths.includes(request.url ?? "");
    return isHealth ? undefined : errorAnswer(tooMany(waitMs), request.headers.accept);
  };
}

function tooMany(waitMs: number): HubError {
  const retryAfterSeconds = Math.ceil(waitMs / 1000);
  return new HubError("too_many_requests", "too many requests come from your address; ask again later", {
    retryAfterSeconds,
  });
}

/** Once what has been read is dealt with, for a body that is still to be read would wake it. */
function rest(socket: Duplex, clock: Clock): void {
  setImmediate(() => socket.pause());
  clock.after(restMs, () => socket.resume());
}

/** For who sends what is no request. */
export function restAndEnd(socket: Duplex, clock: Clock): void {
  socket.pause();
  clock.after(restMs, () => socket.destroy());
}
