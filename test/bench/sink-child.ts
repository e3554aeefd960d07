import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

import { Arrivals } from "./arrivals.ts";
import { answerCalls } from "./calls.ts";
import { nowMs } from "./now-ms.ts";
import { answerTo, readRequests } from "./sink-requests.ts";

/** Subscribers that behave alike. */
export type Group = {
  readonly name: string;
  /** They live at 127.`network`.0.1 and the addresses that follow, one for each origin. */
  readonly network: number;
  readonly origins: number;
  /** `hang` reads and never answers; `drip` sends a header without end. */
  readonly behaviour: "answer" | "hang" | "drip";
  /** How long an answer takes. Absent: none. */
  readonly afterMs?: number;
};

type Running = {
  readonly group: Group;
  readonly arrivals: Arrivals;
  readonly sockets: Set<Socket>;
  open: number;
  /** When so many requests were first open at a time, from one on. */
  readonly peaksMs: number[];
};

const dripMs = 1000;
const groups = new Map<string, Running>();

const calls = {
  /** Resolves to the origins. */
  async serve(group: Group): Promise<readonly string[]> {
    const running: Running = { group, arrivals: new Arrivals(), sockets: new Set(), open: 0, peaksMs: [] };
    groups.set(group.name, running);
    return Promise.all(Array.from({ length: group.origins }, (_, i) => listen(running, addressOf(group, i + 1))));
  },

  /** The arrivals of the first `count` deliveries whose body begins with the line `tag`, or verifications at the path `tag`. */
  arrived: ({ group, tag, count }: { readonly group: string; readonly tag: string; readonly count: number }) =>
    find(group).arrivals.first(tag, count),

  /** When so many requests were first open at a time since this was last asked, from one on. */
  peaks: (group: string) => find(group).peaksMs.splice(0),

  /** Closes the connections, so that the next delivery needs a new one. */
  drop(group: string): void {
    for (const socket of find(group).sockets) socket.destroy();
  },
};

export type SinkCalls = typeof calls;

answerCalls(calls);

function find(name: string): Running {
  const running = groups.get(name);
  if (running === undefined) throw new Error(`there is no group ${name}`);
  return running;
}

function addressOf({ network }: Group, place: number): string {
  return `127.${network}.${place >> 8}.${place & 255}`;
}

async function listen(running: Running, address: string): Promise<string> {
  const server = createServer({ noDelay: true }, (socket) => serve(running, socket));
  server.listen({ host: address, port: 0, backlog: 4096 });
  await once(server, "listening");
  // listen() on a host and port gives an AddressInfo.
  return `http://${address}:${(server.address() as AddressInfo).port}`;
}

function serve(running: Running, socket: Socket): void {
  const { group, arrivals, sockets } = running;
  sockets.add(socket);
  socket.on("error", () => undefined); // the hub may break off
  socket.on("close", () => sockets.delete(socket));
  readRequests(socket, (request) => {
    const atMs = nowMs();
    arrivals.add(request.method === "POST" ? firstLine(request.body) : pathOf(request.target), atMs);
    running.open += 1;
    if (running.open > running.peaksMs.length) running.peaksMs.push(atMs);
    const answer = () => {
      running.open -= 1;
      socket.write(answerTo(request));
    };
    if (group.behaviour === "answer" && group.afterMs === undefined) answer();
    if (group.behaviour === "drip") drip(socket);
    if (group.afterMs !== undefined) setTimeout(answer, group.afterMs);
  });
}

function drip(socket: Socket): void {
  socket.write("HTTP/1.1 200 OK\r\nX-Drip: ");
  const timer = setInterval(() => socket.write("a"), dripMs);
  socket.on("close", () => clearInterval(timer));
}

function firstLine(body: Buffer): string {
  return body.toString("latin1", 0, body.indexOf("\n"));
}

function pathOf(target: string): string {
  return target.split("?", 1)[0] ?? "";
}
