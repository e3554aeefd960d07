import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { Arrivals } from "./arrivals.ts";
import { answerCalls } from "./calls.ts";
import { createMeter } from "./meter.ts";
import { nowMs } from "./now-ms.ts";
import { answerTo, failure, readRequests, type SinkRequest } from "./sink-requests.ts";
import { acceptTls, type TlsIdentity } from "./sink-tls.ts";

/** Subscribers that behave alike. */
export type Group = {
  readonly name: string;
  /** They live at 127.`network`.0.1 and the addresses that follow, one for each origin. */
  readonly network: number;
  readonly origins: number;
  /** `fail` answers deliveries with 500; `hang` reads and never answers; `drip` sends a header without end. */
  readonly behaviour: "answer" | "fail" | "hang" | "drip" | "hints" | "redirect";
  /** How long an answer takes. Absent: none. */
  readonly afterMs?: number;
  /** They speak https, each with a certificate of its own. Absent: http. */
  readonly tls?: TlsIdentity;
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
const closePollMs = 50;
const groups = new Map<string, Running>();
const meter = createMeter();

const calls = {
  /** Resolves to the origins. */
  async serve(group: Group): Promise<readonly string[]> {
    const running: Running = { group, arrivals: new Arrivals(), sockets: new Set(), open: 0, peaksMs: [] };
    groups.set(group.name, running);
    const port = await listen(running);
    const scheme = group.tls === undefined ? "http" : "https";
    return Array.from({ length: group.origins }, (_, i) => `${scheme}://${addressOf(group, i + 1)}:${port}`);
  },

  /** The arrivals of the first `count` deliveries whose body begins with the line `tag`, or verifications at the path `tag`. */
  arrived: ({ group, tag, count }: { readonly group: string; readonly tag: string; readonly count: number }) =>
    find(group).arrivals.first(tag, count),

  /** The tags that have come in, in the order of their first arrivals, and how many requests. */
  tags: (group: string) => find(group).arrivals.tags,
  total: (group: string) => find(group).arrivals.total,

  /** When so many requests were first open at a time since this was last asked, from one on. */
  peaks: (group: string) => find(group).peaksMs.splice(0),

  /** Closes the connections, so that the next delivery needs a new one. */
  drop(group: string): void {
    for (const socket of find(group).sockets) socket.destroy();
  },

  /** Resolves when the other side has closed all connections. */
  async closed(group: string): Promise<void> {
    while (find(group).sockets.size > 0) await sleep(closePollMs);
  },

  begin: () => meter.begin(),
  usage: () => meter.read(),
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

/** One listener for all addresses, and for nobody but this machine. */
async function listen(running: Running): Promise<number> {
  const { tls } = running.group;
  const accept = tls === undefined ? (socket: Socket) => socket : acceptTls(tls);
  const server: Server = createServer({ noDelay: true }, (socket) => {
    if (socket.remoteAddress?.startsWith("127.")) serve(running, accept(socket));
    else socket.destroy();
  });
  server.listen({ host: "0.0.0.0", port: 0, backlog: 4096 });
  await once(server, "listening");
  // listen() on a host and port gives an AddressInfo.
  return (server.address() as AddressInfo).port;
}

function serve(running: Running, socket: Socket): void {
  const { group, arrivals, sockets } = running;
  sockets.add(socket);
  socket.on("error", () => undefined); // the hub may break off
  socket.on("close", () => sockets.delete(socket));
  const onBegin = () => {
    running.open += 1;
    if (running.open > running.peaksMs.length) running.peaksMs.push(nowMs());
  };
  const onRequest = (request: SinkRequest) => {
    arrivals.add(request.method === "POST" ? request.firstLine : pathOf(request.target), nowMs());
    const answer = () => {
      running.open -= 1;
      socket.write(group.behaviour === "fail" ? failure : answerTo(request), "latin1");
    };
    const answers = group.behaviour === "answer" || group.behaviour === "fail";
    if (answers && group.afterMs === undefined) answer();
    if (group.behaviour === "drip") drip(socket);
    if (group.behaviour === "hints") flood(socket);
    if (group.behaviour === "redirect") socket.write(redirect, "latin1");
    if (group.afterMs !== undefined) setTimeout(answer, group.afterMs);
  };
  readRequests(socket, { onBegin, onRequest });
}

const redirect = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /\r\n\r\n";

/** As many interim answers as are taken. */
function flood(socket: Socket): void {
  const timer = setInterval(() => socket.write("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n".repeat(10)), dripMs);
  socket.on("close", () => clearInterval(timer));
}

function drip(socket: Socket): void {
  socket.write("HTTP/1.1 200 OK\r\nX-Drip: ");
  const timer = setInterval(() => socket.write("a"), dripMs);
  socket.on("close", () => clearInterval(timer));
}

function pathOf(target: string): string {
  return target.split("?", 1)[0] ?? "";
}
