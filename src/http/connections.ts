import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

import type { Clock } from "../clock.ts";
import type { Clients, Peer } from "./clients.ts";
import { Flood } from "./flood.ts";

export type Connections = {
  /** Takes a new one in, until it closes. False: it is one too many of its client, and was reset; proxies that are believed speak for many. */
  readonly add: (socket: Socket) => boolean;
  readonly peerOf: (socket: Duplex) => Peer | undefined;
  /**
   * Who sends a request. Absent when it need not be looked at, for its connection is gone. That of who does not wait for answers is
   * destroyed, as of a flood: a packet holds thousands of requests, and all of them would be parsed.
   */
  readonly admit: (request: IncomingMessage, response: ServerResponse) => Peer | undefined;
  /** Ends all connections of the client that has this one, and lets none in for a minute. A proxy loses this one only. */
  readonly shutOut: (socket: Duplex) => void;
};

/** Requests on one connection that may wait for the answers of earlier ones. */
const mostWaiting = 8;
const shutOutMs = 60_000;
/** Clients remembered as shut out: bounds the memory that strangers can take. */
const mostShutOut = 10_000;

type Connection = { readonly peer: Peer; waiting: number };

/** `mostPerClient` bounds how much of the room for connections one client can hold, whether it says anything or not. */
export function createConnections(
  clients: Pick<Clients, "meet">,
  mostPerClient: number,
  clock: Pick<Clock, "monotonicMs">,
): Connections {
  const all = new WeakMap<Duplex, Connection>();
  const open = new Map<string, Set<Socket>>();
  const shutOutUntil = new Map<string, number>();

  function hasRoom({ client, isProxy }: Peer, count: number): boolean {
    return isProxy || (count <= mostPerClient && clock.monotonicMs() >= (shutOutUntil.get(client) ?? 0));
  }

  return {
    add(socket) {
      const peer = clients.meet(socket.remoteAddress);
      const { client } = peer;
      const siblings = open.get(client) ?? new Set();
      if (!hasRoom(peer, siblings.size + 1)) {
        socket.resetAndDestroy();
        return false;
      }
      all.set(socket, { peer, waiting: 0 });
      open.set(client, siblings.add(socket));
      socket.once("close", () => {
        siblings.delete(socket);
        if (siblings.size === 0 && open.get(client) === siblings) open.delete(client);
      });
      return true;
    },
    peerOf: (socket) => all.get(socket)?.peer,
    admit({ socket }, response) {
      const connection = all.get(socket);
      if (connection === undefined || socket.destroyed) return undefined;
      if (isWaiting(response) && countWaiting(connection, response) > mostWaiting) {
        socket.destroy(new Flood("requests that do not wait for answers"));
        return undefined;
      }
      return connection.peer;
    },
    shutOut(socket) {
      const peer = all.get(socket)?.peer;
      if (peer === undefined || peer.isProxy) return;
      shutOutUntil.delete(peer.client);
      shutOutUntil.set(peer.client, clock.monotonicMs() + shutOutMs);
      const [oldest] = shutOutUntil.keys();
      if (shutOutUntil.size > mostShutOut && oldest !== undefined) shutOutUntil.delete(oldest);
      for (const one of open.get(peer.client) ?? []) one.destroy();
    },
  };
}

/** Node gives a response the socket when those before it are through. */
function isWaiting(response: ServerResponse): boolean {
  return response.socket === null;
}

function countWaiting(connection: Connection, response: ServerResponse): number {
  response.once("close", () => {
    connection.waiting -= 1;
  });
  connection.waiting += 1;
  return connection.waiting;
}
